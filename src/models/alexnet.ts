/**
 * AlexNet as torchvision defines it (Krizhevsky, 2014: "One weird trick"), for any input of at least 63 × 63. There
 * the features end in an adaptive pooling to 6 × 6, which is the identity at 224 × 224; here the classifier takes what
 * the features leave, which is the same network at 224.
 */
import { type Build, Conv2d, Dropout, Flatten, Linear, MaxPool2d, ReLU, Sequential } from "../nn.js";
import { pooledExtent } from "../ops/pool.js";
import { outputExtent } from "../ops/window.js";
import type { Input } from "./models.js";

const firstConv = { stride: 4, padding: 2 };
const window = { kernel: 3, stride: 2 };
const pool = () => new MaxPool2d(window);

export function alexnet(b: Build, { channels, height, width, classes }: Input): Sequential {
  // The other convolutions keep the extent.
  const pooled = (extent: number) => pooledExtent(extent, window);
  const left = (extent: number) => pooled(pooled(pooled(outputExtent(extent, 11, firstConv))));
  return new Sequential({
    features: new Sequential([
      new Conv2d(b, channels, 64, 11, firstConv),
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
    flatten: new Flatten(),
    classifier: new Sequential([
      new Dropout(0.5),
      new Linear(b, 256 * left(height) * left(width), 4096),
      new ReLU(),
      new Dropout(0.5),
      new Linear(b, 4096, 4096),
      new ReLU(),
      new Linear(b, 4096, classes),
    ]),
  });
}
