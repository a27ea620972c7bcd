/**
 * Residual networks for ImageNet (He et al., 2016, table 1) as torchvision defines them: four stages of
 * blocks, each with half the extent and twice the channels of the stage before. If a block changes either,
 * its shortcut is a 1 × 1 convolution (option B). A bottleneck has its stride in the 3 × 3 convolution, as in
 * torchvision.
 */
import {
  AdaptiveAvgPool2d,
  BatchNorm2d,
  type Builder,
  Conv2d,
  Flatten,
  Linear,
  MaxPool2d,
  type Module,
  ReLU,
  Sequential,
} from "../nn/index.js";
import type { Input } from "./input.js";
import { Residual } from "./residual.js";

/** Makes a block from `inChannels` to expansion·`width` channels. */
interface Block {
  expansion: number;
  main(b: Builder, inChannels: number, width: number, stride: number): Record<string, Module>;
}

const conv = (b: Builder, inChannels: number, channels: number, kernel: number, stride = 1): Conv2d =>
  new Conv2d(b, inChannels, channels, kernel, {
    stride,
    padding: (kernel - 1) / 2,
    bias: false,
    init: "fan-out",
  });

const basic: Block = {
  expansion: 1,
  main: (b, inChannels, width, stride) => ({
    conv1: conv(b, inChannels, width, 3, stride),
    bn1: new BatchNorm2d(b, width),
    relu1: new ReLU(),
    conv2: conv(b, width, width, 3),
    bn2: new BatchNorm2d(b, width),
  }),
};

const bottleneck: Block = {
  expansion: 4,
  main: (b, inChannels, width, stride) => ({
    conv1: conv(b, inChannels, width, 1),
    bn1: new BatchNorm2d(b, width),
    relu1: new ReLU(),
    conv2: conv(b, width, width, 3, stride),
    bn2: new BatchNorm2d(b, width),
    relu2: new ReLU(),
    conv3: conv(b, width, 4 * width, 1),
    bn3: new BatchNorm2d(b, 4 * width),
  }),
};

function residual(b: Builder, block: Block, inChannels: number, width: number, stride: number): Residual {
  const channels = block.expansion * width;
  const main = block.main(b, inChannels, width, stride);
  if (stride === 1 && inChannels === channels) return new Residual(main);
  const downsample = new Sequential([conv(b, inChannels, channels, 1, stride), new BatchNorm2d(b, channels)]);
  return new Residual(main, { downsample });
}

/** `depths` is the number of blocks in each stage. */
const resnet =
  (block: Block, depths: readonly [number, number, number, number]) =>
  (b: Builder, { channels, classes }: Input): Sequential => {
    let inChannels = 64;
    const stage = (i: number) => {
      const width = 64 * 2 ** i;
      const blocks = Array.from({ length: depths[i]! }, (_, j) => {
        const made = residual(b, block, inChannels, width, i > 0 && j === 0 ? 2 : 1);
        inChannels = block.expansion * width;
        return made;
      });
      return new Sequential(blocks);
    };
    return new Sequential({
      conv1: conv(b, channels, 64, 7, 2),
      bn1: new BatchNorm2d(b, 64),
      relu: new ReLU(),
      maxpool: new MaxPool2d({ kernel: 3, stride: 2, padding: 1 }),
      layer1: stage(0),
      layer2: stage(1),
      layer3: stage(2),
      layer4: stage(3),
      avgpool: new AdaptiveAvgPool2d(1),
      flatten: new Flatten(),
      fc: new Linear(b, inChannels, classes),
    });
  };

export const resnet18 = resnet(basic, [2, 2, 2, 2]);
export const resnet50 = resnet(bottleneck, [3, 4, 6, 3]);
