/**
 * VGG-16 (Simonyan & Zisserman, 2015, configuration D) as torchvision defines it, with or without batch
 * normalisation: thirteen 3 × 3 convolutions in five stages that each end with a pooling, and three linear
 * layers.
 */
import {
  AdaptiveAvgPool2d,
  BatchNorm2d,
  type Builder,
  Conv2d,
  Dropout,
  Flatten,
  Linear,
  MaxPool2d,
  type Module,
  ReLU,
  Sequential,
} from "../nn/index.js";
import type { Input } from "./input.js";

const stages = [
  [64, 64],
  [128, 128],
  [256, 256, 256],
  [512, 512, 512],
  [512, 512, 512],
];

/** `hidden` is the width of the hidden linear layers; a smaller one makes a network for quick tests. */
export const vgg16 =
  (normalised: boolean) =>
  (b: Builder, { channels, classes }: Input, hidden = 4096): Sequential => {
    const features: Module[] = [];
    let inChannels = channels;
    for (const stage of stages) {
      for (const width of stage) {
        features.push(new Conv2d(b, inChannels, width, 3, { padding: 1, init: "fan-out" }));
        if (normalised) features.push(new BatchNorm2d(b, width));
        features.push(new ReLU());
        inChannels = width;
      }
      features.push(new MaxPool2d({ kernel: 2 }));
    }
    const linear = { init: 0.01 };
    return new Sequential({
      features: new Sequential(features),
      avgpool: new AdaptiveAvgPool2d(7),
      flatten: new Flatten(),
      classifier: new Sequential([
        new Linear(b, inChannels * 7 * 7, hidden, linear),
        new ReLU(),
        new Dropout(0.5),
        new Linear(b, hidden, hidden, linear),
        new ReLU(),
        new Dropout(0.5),
        new Linear(b, hidden, classes, linear),
      ]),
    });
  };
