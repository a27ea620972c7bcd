/** LeNet-5 with ReLU and max pooling (LeCun et al., 1998, in today's usual form); any input of at least 16 × 16. */
import { type Build, Conv2d, Flatten, Linear, MaxPool2d, ReLU, Sequential } from "../nn.js";
import type { Input } from "./models.js";

export function lenet(b: Build, { channels, height, width, classes }: Input): Sequential {
  const after = (extent: number) => Math.floor((Math.floor(extent / 2) - 4) / 2);
  return new Sequential({
    conv1: new Conv2d(b, channels, 6, 5, { padding: 2 }),
    relu1: new ReLU(),
    pool1: new MaxPool2d({ kernel: 2 }),
    conv2: new Conv2d(b, 6, 16, 5),
    relu2: new ReLU(),
    pool2: new MaxPool2d({ kernel: 2 }),
    flatten: new Flatten(),
    fc1: new Linear(b, 16 * after(height) * after(width), 120),
    relu3: new ReLU(),
    fc2: new Linear(b, 120, 84),
    relu4: new ReLU(),
    fc3: new Linear(b, 84, classes),
  });
}
