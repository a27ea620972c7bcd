/** The models by name. */
import { UsageError } from "../error.js";
import { suggestion } from "../nearest.js";
import { type Build, type Module, name } from "../nn.js";
import { alexnet } from "./alexnet.js";
import { efficientnet } from "./efficientnet.js";
import { lenet } from "./lenet.js";
import { resnet18, resnet50 } from "./resnet.js";
import { cifarResnet } from "./resnet-cifar.js";
import { squeezenet } from "./squeezenet.js";
import { vgg16 } from "./vgg.js";

/** What a model is made for. */
export interface Input {
  channels: number;
  height: number;
  width: number;
  classes: number;
}

interface Entry {
  create(b: Build, input: Input): Module;
  /** Least height and width. */
  least: number;
}

export const models: Readonly<Record<string, Entry>> = {
  lenet: { create: lenet, least: 16 },
  resnet8: { create: cifarResnet(8), least: 8 },
  resnet20: { create: cifarResnet(20), least: 8 },
  resnet32: { create: cifarResnet(32), least: 8 },
  resnet44: { create: cifarResnet(44), least: 8 },
  resnet56: { create: cifarResnet(56), least: 8 },
  alexnet: { create: alexnet, least: 63 },
  vgg16: { create: vgg16(false), least: 32 },
  vgg16_bn: { create: vgg16(true), least: 32 },
  resnet18: { create: resnet18, least: 32 },
  resnet50: { create: resnet50, least: 32 },
  efficientnet_b0: { create: efficientnet, least: 32 },
  squeezenet1_0: { create: squeezenet, least: 21 },
};

export function createModel(model: string, b: Build, input: Input): Module {
  const entry = Object.hasOwn(models, model) ? models[model] : undefined;
  if (!entry) {
    const names = Object.keys(models);
    throw new UsageError({
      where: "--model",
      expected: `one of ${names.join(", ")}`,
      got: `"${model}"`,
      remedy: suggestion(model, names),
    });
  }
  if (Math.min(input.height, input.width) < entry.least) {
    throw new UsageError({
      where: `--model ${model}`,
      expected: `images of at least ${entry.least} × ${entry.least}`,
      got: `${input.height} × ${input.width}`,
      remedy: "choose larger images or another model",
    });
  }
  return name(entry.create(b, input));
}
