/** The layers that networks are built from: modules around the ops. */
import { engineOf } from "../engine/tape.js";
import { sizeOf, type Tensor } from "../engine/tensor.js";
import { sigmoid, silu } from "../ops/activation.js";
import { adaptiveAvgPool2d } from "../ops/adaptive.js";
import { type Conv2dOptions, conv2d, conv2dWeightShape, linear } from "../ops/conv.js";
import { conv2dPool } from "../ops/conv-pool.js";
import { stochasticDepth } from "../ops/depth.js";
import { batchNorm2d } from "../ops/norm.js";
import { dropout, flatten, relu } from "../ops/pointwise.js";
import { avgPool2d, maxPool2d, type PoolOptions } from "../ops/pool.js";
import { deriveSeed } from "../rng.js";

import { type Builder, biasLimit, filled, type LayerOptions, limit, uniform } from "./init.js";
import { Module, NamedParameter } from "./module.js";

export class Conv2d extends Module {
  readonly #options: Conv2dOptions;

  constructor(
    b: Builder,
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
    const { weight, bias = null } = this.parameters;
    return conv2d(x, weight!, bias, this.#options, this.path);
  }

  /** What `pool` puts out behind this layer. Consumes x. */
  pooled(x: Tensor, pool: MaxPool2d): Tensor {
    const { weight, bias = null } = this.parameters;
    return conv2dPool(x, weight!, bias, this.#options, pool.options, this.path, pool.path);
  }
}

export class Linear extends Module {
  constructor(
    b: Builder,
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

  constructor(b: Builder, channels: number, { eps = 1e-5, momentum = 0.1 } = {}) {
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

  /** The mask depends only on the step's seed and on the layer's path. */
  forward(x: Tensor): Tensor {
    if (!this.training) return x;
    return dropout(x, this.#p, deriveSeed(x.engine.stepSeed, this.path) >>> 0, this.path);
  }
}

/** Leaves out whole images of a residual branch. The choice depends only on the step's seed and on the layer's path. */
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
  readonly options: PoolOptions;

  constructor(options: PoolOptions) {
    super();
    this.options = options;
  }

  forward(x: Tensor): Tensor {
    return maxPool2d(x, this.options, this.path);
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

/** Averages images of any size to `extent` × `extent`. */
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

/** Applies modules one after the other. They are named by position, as in PyTorch, or by the given names. */
export class Sequential extends Module {
  constructor(modules: readonly Module[] | Readonly<Record<string, Module>>) {
    super();
    for (const [key, module] of Object.entries(modules)) this.child(key, module);
  }

  forward(x: Tensor): Tensor {
    const modules = Object.values(this.children);
    if (engineOf(x).store.keeps === "all") return modules.reduce((y, module) => module.forward(y), x);
    return poolingFirst(modules).reduce((y, module, i, order) => {
      const [before, after] = [order[i - 1], order[i + 1]];
      if (isJust(before, Conv2d) && isJust(module, MaxPool2d)) return y;
      if (isJust(module, Conv2d) && isJust(after, MaxPool2d)) return module.pooled(y, after);
      return module.forward(y);
    }, x);
  }
}

/** Whether a module is of this class, with the forward of the class: not that of a subclass, nor one of its own. */
const isJust = <M extends Module>(
  module: Module | undefined,
  type: { new (...args: never[]): M; prototype: M },
): module is M => module instanceof type && module.forward === type.prototype.forward;

/**
 * Max pooling and a ReLU commute, in values and in gradients. Behind the pooling, a ReLU has a part of the values, and where
 * they are above 0 follows from what the next layer saves. Before it, that takes a bit for each value of a tensor which no
 * other op saves, or its values again. A convolution right before a pooling also never needs its whole output.
 */
function poolingFirst(modules: readonly Module[]): Module[] {
  const order = [...modules];
  for (let i = 1; i < order.length; i++) {
    const [before, after] = [order[i - 1]!, order[i]!];
    if (isJust(before, ReLU) && isJust(after, MaxPool2d)) order.splice(i - 1, 2, after, before);
  }
  return order;
}
