/**
 * Modules own parameters. Names are PyTorch's (`layer1.0.conv2.weight`), so that weights can be exchanged with it.
 *
 * A module's path in the model is also the name of its sites. `name(model)` gives each module its path, once.
 */
import type { Parameter } from "../engine/parameter.js";
import type { Tensor } from "../engine/tensor.js";

export abstract class Module {
  /** The module's path in the model; "" for the model itself. */
  path = "";
  training = true;
  readonly parameters: Record<string, NamedParameter> = {};
  /** State that is saved with the weights but not trained: running statistics and the number of batches in them. */
  readonly buffers: Record<string, Tensor> = {};
  readonly children: Record<string, Module> = {};

  /** Consumes x. */
  abstract forward(x: Tensor): Tensor;

  /** Registers a submodule under a name. */
  protected child<M extends Module>(name: string, module: M): M {
    this.children[name] = module;
    return module;
  }

  /** This module and all modules below it. */
  *modules(): Iterable<Module> {
    yield this;
    for (const child of Object.values(this.children)) yield* child.modules();
  }

  /** All parameters, in the order of their definition. */
  *allParameters(): Iterable<NamedParameter> {
    for (const module of this.modules()) yield* Object.values(module.parameters);
  }

  /** What a checkpoint holds: parameters and buffers by full name. */
  *state(): Iterable<[string, Tensor]> {
    for (const module of this.modules()) {
      for (const { name, value } of Object.values(module.parameters)) yield [name, value];
      for (const [name, tensor] of Object.entries(module.buffers)) yield [join(module.path, name), tensor];
    }
  }

  /** Switches to training or evaluation: batch or running statistics, dropout on or off. */
  train(training: boolean): void {
    for (const module of this.modules()) module.training = training;
  }
}

export class NamedParameter implements Parameter {
  name: string;
  readonly value: Tensor;
  gradient: Tensor | null = null;

  constructor(name: string, value: Tensor) {
    this.name = name;
    this.value = value;
  }
}

const join = (path: string, name: string): string => (path === "" ? name : `${path}.${name}`);

/** Gives every module its path and every parameter its full name. Returns the model. */
export function name<M extends Module>(module: M, path = ""): M {
  module.path = path;
  for (const [key, parameter] of Object.entries(module.parameters)) parameter.name = join(path, key);
  for (const [key, child] of Object.entries(module.children)) name(child, join(path, key));
  return module;
}
