/**
 * Residual networks for small images (He et al., 2016, section 4.2): three stages of n basic blocks with 16, 32 and 64
 * channels, 6n + 2 weighted layers. Shortcuts between stages are the paper's option A: every second pixel, new
 * channels zero, no parameters; so they are an exact copy and save nothing.
 */
import {
  BatchNorm2d,
  type Build,
  Conv2d,
  Flatten,
  GlobalAvgPool2d,
  Linear,
  Module,
  ReLU,
  Sequential,
} from "../nn.js";
import { add } from "../ops/pointwise.js";
import { downsample } from "../ops/shortcut.js";
import type { Tensor } from "../tensor.js";
import type { Input } from "./models.js";

export class BasicBlock extends Module {
  readonly #channels: number;
  readonly #stride: number;

  constructor(b: Build, inChannels: number, channels: number, stride: number) {
    super();
    this.#channels = channels;
    this.#stride = stride;
    this.child("conv1", new Conv2d(b, inChannels, channels, 3, { ...conv3x3, stride }));
    this.child("bn1", new BatchNorm2d(b, channels));
    this.child("relu1", new ReLU());
    this.child("conv2", new Conv2d(b, channels, channels, 3, conv3x3));
    this.child("bn2", new BatchNorm2d(b, channels));
    this.child("relu2", new ReLU());
  }

  forward(x: Tensor): Tensor {
    const { conv1, bn1, relu1, conv2, bn2, relu2 } = this.children;
    const shortcut =
      this.#stride === 1 ? x.ref : downsample(x.ref, this.#stride, this.#channels, `${this.path}.shortcut`);
    let y = relu1!.forward(bn1!.forward(conv1!.forward(x)));
    y = bn2!.forward(conv2!.forward(y));
    return relu2!.forward(add(y, shortcut, `${this.path}.add`));
  }
}

const conv3x3 = { padding: 1, bias: false, init: "he" } as const;

/** `depth` = 6n + 2: 8, 20, 32, 44, 56. */
export function resnet(depth: number) {
  const n = (depth - 2) / 6;
  return (b: Build, { channels, classes }: Input): Sequential => {
    const stage = (inChannels: number, width: number, stride: number) =>
      new Sequential(
        Array.from({ length: n }, (_, i) => new BasicBlock(b, i ? width : inChannels, width, i ? 1 : stride)),
      );
    return new Sequential({
      conv1: new Conv2d(b, channels, 16, 3, conv3x3),
      bn1: new BatchNorm2d(b, 16),
      relu: new ReLU(),
      layer1: stage(16, 16, 1),
      layer2: stage(16, 32, 2),
      layer3: stage(32, 64, 2),
      avgpool: new GlobalAvgPool2d(),
      flatten: new Flatten(),
      linear: new Linear(b, 64, classes),
    });
  };
}
