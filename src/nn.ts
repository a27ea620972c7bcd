/**
 * Modules: layers that own parameters. Names are PyTorch's (`layer1.0.conv2.weight`), so that weights can travel.
 *
 * A module's path in the model is also the name of its sites. Paths are given once, by `name(model)`.
 */
import type { Engine, Parameter } from "./op.js";
import { sigmoid, silu } from "./ops/activation.js";
import { adaptiveAvgPool2d } from "./ops/adaptive.js";
import { type Conv2dOptions, conv2d, conv2dWeightShape, linear } from "./ops/conv.js";
import { stochasticDepth } from "./ops/depth.js";
import { batchNorm2d } from "./ops/norm.js";
import { dropout, flatten, relu } from "./ops/pointwise.js";
import { avgPool2d, maxPool2d, type PoolOptions } from "./ops/pool.js";
import { createRng, deriveSeed, type Rng } from "./rng.js";
import { sizeOf, Tensor } from "./tensor.js";

export abstract class Module {
  /** Where it stands in the model; "" for the model itself. */
  path = "";
  training = true;
  readonly parameters: Record<string, NamedParameter> = {};
  /** State that is saved with the weights but not trained: running statistics, and how many batches made them. */
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
  /** Null: weights of unspecified content, for who fills them from a file or wants their shapes only. */
  rng: Rng | null;
  /** In place of what the layers themselves say; null: as they say. */
  init: Init | null;
}

export const build = (engine: Engine, seed: number, init: Init | null = null): Build => ({
  engine,
  rng: createRng(seed).fork("weights"),
  init,
});

export const blank = (engine: Engine): Build => ({ engine, rng: null, init: null });

function filled({ engine }: Build, shape: readonly number[], value: number, site: string): Tensor {
  const tensor = Tensor.empty(engine, shape, site, "parameters");
  engine.kernels.fill(tensor.data, value);
  return tensor;
}

/** U(−limit, limit): uniform rather than normal because it needs no logarithm, so it is the same everywhere. */
function uniform(
  { engine, rng }: Build,
  shape: readonly number[],
  limit: number,
  site: string,
): NamedParameter {
  const tensor = Tensor.empty(engine, shape, site, "parameters");
  const { data } = tensor;
  if (rng && limit > 0) for (let i = 0; i < data.length; i++) data[i] = (2 * rng.uniform() - 1) * limit;
  else if (rng) engine.kernels.fill(data, 0);
  return new NamedParameter(site, tensor);
}

/**
 * First weights, all uniform and of mean 0:
 *
 *   "torch"     U(±1/√fanIn), PyTorch's default; the bias likewise
 *   "lecun"     variance 1/fanIn, three times that of "torch": forward, a linear network keeps its signal's (LeCun et al., 1998)
 *   "he"        variance 2/fanIn: forward, a ReLU network keeps its signal's variance (He et al., 2015)
 *   "fan-out"   variance 2/fanOut: backward, it keeps its gradient's
 *   a number    this standard deviation
 *
 * With all but the first the bias begins at 0. fanIn = C/groups·R·S, fanOut = K·R·S.
 */
export type Init = (typeof inits)[number] | number;

export const inits = ["torch", "lecun", "he", "fan-out"] as const;

/** Variance · fanIn, or · fanOut. */
const variances = { torch: 1 / 3, lecun: 1, he: 2, "fan-out": 2 } as const;

export interface LayerOptions {
  bias?: boolean;
  init?: Init;
}

/** The limit of a uniform distribution is √3 times its standard deviation. */
function limit(init: Init, fanIn: number, fanOut: number): number {
  if (typeof init === "number") return Math.sqrt(3) * init;
  return Math.sqrt((3 * variances[init]) / (init === "fan-out" ? fanOut : fanIn));
}

const biasLimit = (init: Init, fanIn: number): number => (init === "torch" ? limit(init, fanIn, 0) : 0);

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
    const { bias = true } = options;
    const init = b.init ?? options.init ?? "torch";
    const shape = conv2dWeightShape("Conv2d", [inChannels, outChannels, kernel], options);
    const fanIn = sizeOf(shape.slice(1));
    this.#options = options;
    const fanOut = outChannels * kernel * kernel;
    this.parameters.weight = uniform(b, shape, limit(init, fanIn, fanOut), "conv weight");
    if (bias) this.parameters.bias = uniform(b, [outChannels], biasLimit(init, fanIn), "conv bias");
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
    { bias = true, init: own = "torch" }: LayerOptions = {},
  ) {
    super();
    const init = b.init ?? own;
    const limits = [limit(init, inFeatures, outFeatures), biasLimit(init, inFeatures)] as const;
    this.parameters.weight = uniform(b, [outFeatures, inFeatures], limits[0], "linear weight");
    if (bias) this.parameters.bias = uniform(b, [outFeatures], limits[1], "linear bias");
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
    this.buffers.num_batches_tracked = filled(b, [], 0, "batch norm num_batches_tracked");
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
    if (this.training) this.buffers.num_batches_tracked!.data[0]!++;
    return batchNorm2d(x, state, this.path);
  }
}

export class ReLU extends Module {
  forward(x: Tensor): Tensor {
    return relu(x, this.path);
  }
}

export class SiLU extends Module {
  forward(x: Tensor): Tensor {
    return silu(x, this.path);
  }
}

export class Sigmoid extends Module {
  forward(x: Tensor): Tensor {
    return sigmoid(x, this.path);
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

/** Leaves out whole images of a residual branch; which ones depends on the step's seed and on the layer's path only. */
export class StochasticDepth extends Module {
  readonly #p: number;

  constructor(p: number) {
    super();
    this.#p = p;
  }

  forward(x: Tensor): Tensor {
    if (!this.training) return x;
    return stochasticDepth(x, this.#p, deriveSeed(x.engine.stepSeed, this.path) >>> 0, this.path);
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

/** To `extent` × `extent`, whatever comes in. */
export class AdaptiveAvgPool2d extends Module {
  readonly #extent: number;

  constructor(extent: number) {
    super();
    this.#extent = extent;
  }

  forward(x: Tensor): Tensor {
    return adaptiveAvgPool2d(x, this.#extent, this.path);
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
