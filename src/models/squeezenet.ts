/**
 * SqueezeNet 1.0 (Iandola et al., 2016) as torchvision defines it. A fire module squeezes its input to few
 * channels, then expands it with 1 × 1 and 3 × 3 convolutions side by side. The classifier is a convolution
 * whose maps are averaged.
 */

import { caffeNormalization } from "../data/normalize.js";
import type { Tensor } from "../engine/tensor.js";
import {
  AdaptiveAvgPool2d,
  type Builder,
  Conv2d,
  Dropout,
  Flatten,
  MaxPool2d,
  Module,
  ReLU,
  Sequential,
} from "../nn/index.js";
import { concat } from "../ops/concat.js";
import type { Input } from "./input.js";
import type { Published } from "./weights.js";

const he = { init: "he" } as const;

class Fire extends Module {
  constructor(b: Builder, inChannels: number, squeezed: number, expanded: number) {
    super();
    this.child("squeeze", new Conv2d(b, inChannels, squeezed, 1, he));
    this.child("squeeze_activation", new ReLU());
    this.child("expand1x1", new Conv2d(b, squeezed, expanded, 1, he));
    this.child("expand1x1_activation", new ReLU());
    this.child("expand3x3", new Conv2d(b, squeezed, expanded, 3, { ...he, padding: 1 }));
    this.child("expand3x3_activation", new ReLU());
  }

  forward(x: Tensor): Tensor {
    const layer = (name: string, input: Tensor) =>
      this.children[`${name}_activation`]!.forward(this.children[name]!.forward(input));
    const squeezed = layer("squeeze", x);
    const narrow = layer("expand1x1", squeezed.ref);
    const wide = layer("expand3x3", squeezed);
    return concat(narrow, wide, `${this.path}.concat`);
  }
}

const pool = () => new MaxPool2d({ kernel: 3, stride: 2, ceil: true });

export const squeezenet = (b: Builder, { channels, classes }: Input): Sequential =>
  new Sequential({
    features: new Sequential([
      new Conv2d(b, channels, 96, 7, { ...he, stride: 2 }),
      new ReLU(),
      pool(),
      new Fire(b, 96, 16, 64),
      new Fire(b, 128, 16, 64),
      new Fire(b, 128, 32, 128),
      pool(),
      new Fire(b, 256, 32, 128),
      new Fire(b, 256, 48, 192),
      new Fire(b, 384, 48, 192),
      new Fire(b, 384, 64, 256),
      pool(),
      new Fire(b, 512, 64, 256),
    ]),
    classifier: new Sequential([
      new Dropout(0.5),
      new Conv2d(b, 512, classes, 1, { init: 0.01 }),
      new ReLU(),
      new AdaptiveAvgPool2d(1),
    ]),
    flatten: new Flatten(),
  });

/**
 * The positions of the fire modules among the features. The paper numbers them from 2, after the first
 * convolution.
 */
const fires = [3, 4, 5, 7, 8, 9, 10, 12];

/**
 * The names of the authors' weights, trained with Caffe: `fire2/squeeze1x1.bias` is
 * `features.3.squeeze.bias`.
 */
export const caffeSqueezenet: Published = {
  normalization: caffeNormalization,
  size: 227,
  name: (name) =>
    name
      .replace(/^features\.0\b/, "conv1")
      .replace(/^classifier\.1\b/, "conv10")
      .replace(/^features\.(\d+)/, (_, place) => `fire${fires.indexOf(Number(place)) + 2}`)
      .replace(/^(fire\d+)\.squeeze\b/, "$1/squeeze1x1")
      .replace(/^(fire\d+)\.expand/, "$1/expand"),
};
