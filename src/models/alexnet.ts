/**
 * AlexNet as torchvision defines it (Krizhevsky, 2014: "One weird trick"), for any input of at least 63 × 63.
 * An adaptive pooling turns the features into 6 × 6; at 224 × 224 it is the identity.
 */
import {
  AdaptiveAvgPool2d,
  type Builder,
  Conv2d,
  Dropout,
  Flatten,
  Linear,
  MaxPool2d,
  ReLU,
  Sequential,
} from "../nn/index.js";
import type { Input } from "./input.js";

const pool = () => new MaxPool2d({ kernel: 3, stride: 2 });

/** `hidden` is the width of the hidden linear layers; a smaller one makes a network for quick tests. */
export const alexnet = (b: Builder, { channels, classes }: Input, hidden = 4096): Sequential =>
  new Sequential({
    features: new Sequential([
      new Conv2d(b, channels, 64, 11, { stride: 4, padding: 2 }),
      new ReLU(),
      pool(),
      new Conv2d(b, 64, 192, 5, { padding: 2 }),
      new ReLU(),
      pool(),
      new Conv2d(b, 192, 384, 3, { padding: 1 }),
      new ReLU(),
      new Conv2d(b, 384, 256, 3, { padding: 1 }),
      new ReLU(),
      new Conv2d(b, 256, 256, 3, { padding: 1 }),
      new ReLU(),
      pool(),
    ]),
    avgpool: new AdaptiveAvgPool2d(6),
    flatten: new Flatten(),
    classifier: new Sequential([
      new Dropout(0.5),
      new Linear(b, 256 * 6 * 6, hidden),
      new ReLU(),
      new Dropout(0.5),
      new Linear(b, hidden, hidden),
      new ReLU(),
      new Linear(b, hidden, classes),
    ]),
  });
