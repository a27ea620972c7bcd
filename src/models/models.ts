/** The models by name. */
import { UsageError } from "../error.js";
import { type Builder, type Module, name } from "../nn/index.js";
import { suggestion } from "../suggest.js";
import { alexnet } from "./alexnet.js";
import { efficientnet } from "./efficientnet.js";
import type { Input } from "./input.js";
import { lenet } from "./lenet.js";
import { resnet18, resnet50 } from "./resnet.js";
import { cifarResnet } from "./resnet-cifar.js";
import { caffeSqueezenet, squeezenet } from "./squeezenet.js";
import { vgg16 } from "./vgg.js";
import type { Published } from "./weights.js";

interface Entry {
  create(b: Builder, input: Input): Module;
  /** The least height and width. */
  least: number;
  /** The layer whose outputs are the classes. */
  output: string;
  /** A suggested learning rate for training from scratch with SGD and momentum 0.9. */
  lr: number;
  /** Published weights that use other names than PyTorch's. */
  published?: Published;
}

/** The networks for small images. */
const cifar = (depth: number): Entry => ({ create: cifarResnet(depth), least: 8, output: "linear", lr: 0.1 });

export const models: Readonly<Record<string, Entry>> = {
  lenet: { create: lenet, least: 16, output: "fc3", lr: 0.1 },
  resnet8: cifar(8),
  resnet20: cifar(20),
  resnet32: cifar(32),
  resnet44: cifar(44),
  resnet56: cifar(56),
  alexnet: { create: alexnet, least: 63, output: "classifier.6", lr: 0.01 },
  vgg16: { create: vgg16(false), least: 32, output: "classifier.6", lr: 0.0005 },
  vgg16_bn: { create: vgg16(true), least: 32, output: "classifier.6", lr: 0.01 },
  resnet18: { create: resnet18, least: 32, output: "fc", lr: 0.01 },
  resnet50: { create: resnet50, least: 32, output: "fc", lr: 0.01 },
  efficientnet_b0: { create: efficientnet, least: 32, output: "classifier.1", lr: 0.01 },
  squeezenet1_0: {
    create: squeezenet,
    least: 21,
    output: "classifier.1",
    lr: 0.002,
    published: caffeSqueezenet,
  },
};

/** The known model, or a UsageError that suggests the nearest name. */
export function modelNamed(model: string): Entry {
  if (Object.hasOwn(models, model)) return models[model]!;
  const names = Object.keys(models);
  throw new UsageError({
    where: "settings.model",
    expected: `one of ${names.join(", ")}`,
    got: `"${model}"`,
    remedy: suggestion(model, names),
  });
}

export function createModel(model: string, b: Builder, input: Input): Module {
  const entry = modelNamed(model);
  if (Math.min(input.height, input.width) < entry.least) {
    throw new UsageError({
      where: `settings.model ${model}`,
      expected: `images of at least ${entry.least} × ${entry.least}`,
      got: `${input.height} × ${input.width}`,
      remedy: "choose larger images or another model",
    });
  }
  return name(entry.create(b, input));
}
