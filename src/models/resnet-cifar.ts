/**
 * Residual networks for small images (He et al., 2016, section 4.2): three stages of n basic blocks with 16,
 * 32 and 64 channels, so 6n + 2 weighted layers. Shortcuts between stages are the paper's option A: every
 * second pixel, with new channels zero. They have no parameters and copy values exactly, so they save nothing
 * for the backward pass.
 */

import type { Tensor } from "../engine/tensor.js";
import {
  AdaptiveAvgPool2d,
  BatchNorm2d,
  type Builder,
  Conv2d,
  Flatten,
  Linear,
  Module,
  ReLU,
  Sequential,
} from "../nn/index.js";
import { downsample } from "../ops/shortcut.js";
import type { Input } from "./input.js";
import { Residual } from "./residual.js";

class Downsample extends Module {
  readonly #stride: number;
  readonly #channels: number;

  constructor(stride: number, channels: number) {
    super();
    this.#stride = stride;
    this.#channels = channels;
  }

  forward(x: Tensor): Tensor {
    return downsample(x, this.#stride, this.#channels, this.path);
  }
}

const conv3x3 = { padding: 1, bias: false, init: "he" } as const;

export const basicBlock = (b: Builder, inChannels: number, channels: number, stride: number): Residual =>
  new Residual(
    {
      conv1: new Conv2d(b, inChannels, channels, 3, { ...conv3x3, stride }),
      bn1: new BatchNorm2d(b, channels),
      relu1: new ReLU(),
      conv2: new Conv2d(b, channels, channels, 3, conv3x3),
      bn2: new BatchNorm2d(b, channels),
    },
    stride === 1 ? {} : { shortcut: new Downsample(stride, channels) },
  );

/** `depth` is 6n + 2: 8, 20, 32, 44, 56. */
export function cifarResnet(depth: number) {
  const n = (depth - 2) / 6;
  return (b: Builder, { channels, classes }: Input): Sequential => {
    const stage = (inChannels: number, width: number, stride: number) =>
      new Sequential(
        Array.from({ length: n }, (_, i) => basicBlock(b, i ? width : inChannels, width, i ? 1 : stride)),
      );
    return new Sequential({
      conv1: new Conv2d(b, channels, 16, 3, conv3x3),
      bn1: new BatchNorm2d(b, 16),
      relu: new ReLU(),
      layer1: stage(16, 16, 1),
      layer2: stage(16, 32, 2),
      layer3: stage(32, 64, 2),
      avgpool: new AdaptiveAvgPool2d(1),
      flatten: new Flatten(),
      linear: new Linear(b, 64, classes),
    });
  };
}
