/**
 * Modules: layers that own parameters. Names are PyTorch's (`layer1.0.conv2.weight`), so that weights can travel.
 *
 * A module's path in the model is also the name of its sites. Paths are given once, by `name(model)`.
 */
import type { Engine, Parameter } from "./op.js";
import { type Conv2dOptions, conv2d, conv2dWeightShape, linear } from "./ops/conv.js";
import { batchNorm2d } from "./ops/norm.js";
import { dropout, flatten, relu } from "./ops/pointwise.js";
import { avgPool2d, globalAvgPool2d, maxPool2d, type PoolOptions } from "./ops/pool.js";
import { createRng, deriveSeed, type Rng } from "./rng.js";
import { sizeOf, Tensor } from "./tensor.js";

export abstract class Module {
  /** Where it stands in the model; "" for the model itself. */
  path = "";
  training = true;
  readonly parameters: Record<string, NamedParameter> = {};
  /** State that is saved with the weights but not trained: running statistics. */
  readonly buffers: Record<string, Tensor> = {};
  readonly children: Record<string, Module> = {};

  /** Consumes x. */
  abstract forward(x: Tensor): Tensor;

  /** Registers a submodule under a name. */
  protected child<M extends Module>(name: string, module: M): M {
    this.children[name] = module;
    return module;
  }

  /** This module and all below it. */
  *modules(): Iterable<Module> {
    yield this;
    for (const child of Object.values(this.children)) yield* child.modules();
  }

  /** Every parameter with its full name, in the order of definition. */
  *allParameters(): Iterable<NamedParameter> {
    for (const module of this.modules()) yield* Object.values(module.parameters);
  }

  /** Everything that a checkpoint holds: parameters and buffers by full name. */
  *state(): Iterable<[string, Tensor]> {
    for (const module of this.modules()) {
      for (const { name, value } of Object.values(module.parameters)) yield [name, value];
      for (const [name, tensor] of Object.entries(module.buffers)) yield [join(module.path, name), tensor];
    }
  }

  /** Switches between batch and running statistics, and dropout on and off. */
  train(training: boolean): void {
    for (const module of this.modules()) module.training = training;
  }
}

class NamedParameter implements Parameter {
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

/** What layers are built with: where their weights live, and where their first values come from. */
export interface Build {
  engine: Engine;
  rng: Rng;
}

export const build = (engine: Engine, seed: number): Build => ({
  engine,
  rng: createRng(seed).fork("weights"),
});

function filled({ engine }: Build, shape: readonly number[], value: number, site: string): Tensor {
  const tensor = Tensor.empty(engine, shape, site, "parameters");
  engine.kernels.fill(tensor.data, value);
  return tensor;
}

/** U(−limit, limit): uniform rather than normal because it needs no logarithm, so it is the same everywhere. */
function uniform(b: Build, shape: readonly number[], limit: number, site: string): NamedParameter {
  const tensor = Tensor.empty(b.engine, shape, site, "parameters");
  const { data } = tensor;
  for (let i = 0; i < data.length; i++) data[i] = (2 * b.rng.uniform() - 1) * limit;
  return new NamedParameter(site, tensor);
}

export interface LayerOptions {
  bias?: boolean;
  /**
   * First weights: "torch" is PyTorch's default U(±1/√fanIn); "he" is U(±√(6/fanIn)), variance 2/fanIn, for layers
   * followed by a ReLU.
   */
  init?: "torch" | "he";
}

const limit = (fanIn: number, init: "torch" | "he"): number => Math.sqrt((init === "he" ? 6 : 1) / fanIn);

export class Conv2d extends Module {
  readonly #options: Conv2dOptions;

  constructor(
    b: Build,
    inChannels: number,
    outChannels: number,
    kernel: number,
    options: Conv2dOptions & LayerOptions = {},
  ) {
    super();
    const { bias = true, init = "torch" } = options;
    const shape = conv2dWeightShape("Conv2d", [inChannels, outChannels, kernel], options);
    const fanIn = sizeOf(shape.slice(1));
    this.#options = options;
    this.parameters.weight = uniform(b, shape, limit(fanIn, init), "conv weight");
    if (bias) this.parameters.bias = uniform(b, [outChannels], limit(fanIn, "torch"), "conv bias");
  }

  forward(x: Tensor): Tensor {
    return conv2d(x, this.parameters.weight!, this.parameters.bias ?? null, this.#options, this.path);
  }
}

export class Linear extends Module {
  constructor(
    b: Build,
    inFeatures: number,
    outFeatures: number,
    { bias = true, init = "torch" }: LayerOptions = {},
  ) {
    super();
    this.parameters.weight = uniform(b, [outFeatures, inFeatures], limit(inFeatures, init), "linear weight");
    if (bias) this.parameters.bias = uniform(b, [outFeatures], limit(inFeatures, "torch"), "linear bias");
  }

  forward(x: Tensor): Tensor {
    return linear(x, this.parameters.weight!, this.parameters.bias ?? null, this.path);
  }
}

export class BatchNorm2d extends Module {
  readonly #eps: number;
  readonly #momentum: number;

  constructor(b: Build, channels: number, { eps = 1e-5, momentum = 0.1 } = {}) {
    super();
    this.#eps = eps;
    this.#momentum = momentum;
    this.parameters.weight = new NamedParameter("gamma", filled(b, [channels], 1, "batch norm weight"));
    this.parameters.bias = new NamedParameter("beta", filled(b, [channels], 0, "batch norm bias"));
    this.buffers.running_mean = filled(b, [channels], 0, "batch norm running_mean");
    this.buffers.running_var = filled(b, [channels], 1, "batch norm running_var");
  }

  forward(x: Tensor): Tensor {
    const state = {
      weight: this.parameters.weight!,
      bias: this.parameters.bias!,
      runningMean: this.buffers.running_mean!,
      runningVar: this.buffers.running_var!,
      eps: this.#eps,
      momentum: this.#momentum,
      training: this.training,
    };
    return batchNorm2d(x, state, this.path);
  }
}

export class ReLU extends Module {
  forward(x: Tensor): Tensor {
    return relu(x, this.path);
  }
}

export class Dropout extends Module {
  readonly #p: number;

  constructor(p: number) {
    super();
    this.#p = p;
  }

  /** The mask depends on the step's seed and on the layer's path only. */
  forward(x: Tensor): Tensor {
    if (!this.training) return x;
    return dropout(x, this.#p, deriveSeed(x.engine.stepSeed, this.path) >>> 0, this.path);
  }
}

export class MaxPool2d extends Module {
  readonly #options: PoolOptions;

  constructor(options: PoolOptions) {
    super();
    this.#options = options;
  }

  forward(x: Tensor): Tensor {
    return maxPool2d(x, this.#options, this.path);
  }
}

export class AvgPool2d extends Module {
  readonly #options: PoolOptions;

  constructor(options: PoolOptions) {
    super();
    this.#options = options;
  }

  forward(x: Tensor): Tensor {
    return avgPool2d(x, this.#options, this.path);
  }
}

export class GlobalAvgPool2d extends Module {
  forward(x: Tensor): Tensor {
    return globalAvgPool2d(x, this.path);
  }
}

export class Flatten extends Module {
  forward(x: Tensor): Tensor {
    return flatten(x, this.path);
  }
}

/** One module after the other; named by position, as PyTorch does, or by the names given. */
export class Sequential extends Module {
  constructor(modules: readonly Module[] | Readonly<Record<string, Module>>) {
    super();
    for (const [key, module] of Object.entries(modules)) this.child(key, module);
  }

  forward(x: Tensor): Tensor {
    return Object.values(this.children).reduce((y, module) => module.forward(y), x);
  }
}
