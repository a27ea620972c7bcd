/** The models by name. */
import { UsageError } from "../error.js";
import { suggestion } from "../nearest.js";
import { type Build, type Module, name } from "../nn.js";
import { alexnet } from "./alexnet.js";
import { lenet } from "./lenet.js";
import { resnet } from "./resnet.js";

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
  resnet8: { create: resnet(8), least: 8 },
  resnet20: { create: resnet(20), least: 8 },
  alexnet: { create: alexnet, least: 63 },
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
