/**
 * EfficientNet-B0 (Tan & Le, 2019) as torchvision defines it. Its block is MBConv: a 1 × 1 convolution
 * expands the channels, a depthwise convolution filters them, squeeze-and-excitation weights them, and a 1 ×
 * 1 convolution projects them back. If the shape is unchanged, the block's input is added, and stochastic
 * depth sometimes skips the branch, more often in later blocks.
 */

import type { Tensor } from "../engine/tensor.js";
import {
  AdaptiveAvgPool2d,
  BatchNorm2d,
  type Builder,
  Conv2d,
  Dropout,
  Flatten,
  Linear,
  Module,
  Sequential,
  Sigmoid,
  SiLU,
  StochasticDepth,
} from "../nn/index.js";
import { squeezeExcitation } from "../ops/excitation.js";
import { add } from "../ops/pointwise.js";
import type { Input } from "./input.js";

interface Layer {
  kernel?: number;
  stride?: number;
  groups?: number;
  /** True if SiLU follows the normalisation; the projection has none. */
  active?: boolean;
}

function convNorm(
  b: Builder,
  inChannels: number,
  channels: number,
  { kernel = 1, stride = 1, groups = 1, active = true }: Layer = {},
): Sequential {
  const padding = (kernel - 1) / 2;
  const options = { stride, padding, groups, bias: false, init: "fan-out" } as const;
  const modules = [
    new Conv2d(b, inChannels, channels, kernel, options),
    new BatchNorm2d(b, channels),
    ...(active ? [new SiLU()] : []),
  ];
  return new Sequential(modules);
}

/** x·σ(fc2(silu(fc1(mean of x's planes)))), per channel. */
class SqueezeExcitation extends Module {
  constructor(b: Builder, channels: number, squeezed: number) {
    super();
    this.child("avgpool", new AdaptiveAvgPool2d(1));
    this.child("fc1", new Conv2d(b, channels, squeezed, 1, { init: "fan-out" }));
    this.child("activation", new SiLU());
    this.child("fc2", new Conv2d(b, squeezed, channels, 1, { init: "fan-out" }));
    this.child("scale_activation", new Sigmoid());
  }

  forward(x: Tensor): Tensor {
    const s = Object.values(this.children).reduce((y, module) => module.forward(y), x.ref);
    return squeezeExcitation(x, s, this.path);
  }
}

interface Stage {
  expand: number;
  kernel: number;
  stride: number;
  channels: number;
  blocks: number;
}

class MbConv extends Module {
  readonly #block: Sequential;
  /** Null if the block changes its input's shape. */
  readonly #depth: StochasticDepth | null;

  constructor(b: Builder, inChannels: number, stage: Stage, stride: number, dropped: number) {
    super();
    const { expand, kernel, channels } = stage;
    const wide = expand * inChannels;
    this.#block = this.child(
      "block",
      new Sequential([
        ...(expand === 1 ? [] : [convNorm(b, inChannels, wide)]),
        convNorm(b, wide, wide, { kernel, stride, groups: wide }),
        new SqueezeExcitation(b, wide, Math.max(1, Math.floor(inChannels / 4))),
        convNorm(b, wide, channels, { active: false }),
      ]),
    );
    const kept = stride === 1 && inChannels === channels;
    this.#depth = kept ? this.child("stochastic_depth", new StochasticDepth(dropped)) : null;
  }

  forward(x: Tensor): Tensor {
    if (this.#depth === null) return this.#block.forward(x);
    const past = x.ref;
    return add(this.#depth.forward(this.#block.forward(x)), past, `${this.path}.add`);
  }
}

/** Table 1 of the paper. */
const stages: readonly Stage[] = [
  { expand: 1, kernel: 3, stride: 1, channels: 16, blocks: 1 },
  { expand: 6, kernel: 3, stride: 2, channels: 24, blocks: 2 },
  { expand: 6, kernel: 5, stride: 2, channels: 40, blocks: 2 },
  { expand: 6, kernel: 3, stride: 2, channels: 80, blocks: 3 },
  { expand: 6, kernel: 5, stride: 1, channels: 112, blocks: 3 },
  { expand: 6, kernel: 5, stride: 2, channels: 192, blocks: 4 },
  { expand: 6, kernel: 3, stride: 1, channels: 320, blocks: 1 },
];

const blocksInAll = stages.reduce((sum, { blocks }) => sum + blocks, 0);
/** Block i is skipped with probability 0.2·i/blocks. */
const mostDropped = 0.2;

export function efficientnet(b: Builder, { channels, classes }: Input): Sequential {
  let inChannels = 32;
  let made = 0;
  const features: Module[] = [convNorm(b, channels, inChannels, { kernel: 3, stride: 2 })];
  for (const stage of stages) {
    const blocks = Array.from({ length: stage.blocks }, (_, i) => {
      const dropped = (mostDropped * made++) / blocksInAll;
      const block = new MbConv(b, inChannels, stage, i === 0 ? stage.stride : 1, dropped);
      inChannels = stage.channels;
      return block;
    });
    features.push(new Sequential(blocks));
  }
  features.push(convNorm(b, inChannels, 1280));
  return new Sequential({
    features: new Sequential(features),
    avgpool: new AdaptiveAvgPool2d(1),
    flatten: new Flatten(),
    classifier: new Sequential([
      new Dropout(0.2),
      new Linear(b, 1280, classes, { init: Math.sqrt(1 / (3 * classes)) }),
    ]),
  });
}
