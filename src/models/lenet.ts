/**
 * LeNet-5 with ReLU and max pooling (LeCun et al., 1998, in its present usual form), for any input of at
 * least 16 × 16.
 */
import { type Builder, Conv2d, Flatten, Linear, MaxPool2d, ReLU, Sequential } from "../nn/index.js";
import { pooledExtent } from "../ops/pool.js";
import { outputExtent } from "../ops/window.js";
import type { Input } from "./input.js";

const kernel = 5;
/** The first convolution preserves the image's size. */
const same = { padding: 2 };
const pool = { kernel: 2 };

export function lenet(b: Builder, { channels, height, width, classes }: Input): Sequential {
  const left = (extent: number) => {
    const first = pooledExtent(outputExtent(extent, kernel, same), pool);
    return pooledExtent(outputExtent(first, kernel), pool);
  };
  return new Sequential({
    conv1: new Conv2d(b, channels, 6, kernel, same),
    relu1: new ReLU(),
    pool1: new MaxPool2d(pool),
    conv2: new Conv2d(b, 6, 16, kernel),
    relu2: new ReLU(),
    pool2: new MaxPool2d(pool),
    flatten: new Flatten(),
    fc1: new Linear(b, 16 * left(height) * left(width), 120),
    relu3: new ReLU(),
    fc2: new Linear(b, 120, 84),
    relu4: new ReLU(),
    fc3: new Linear(b, 84, classes),
  });
}
