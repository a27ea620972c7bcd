/** `comet evaluate`: the accuracy of weights from a file. */
import type { Command } from "commander";
import type { Dataset } from "../data/dataset.js";
import { imagenetClasses, namedBySynset, openImagenet } from "../data/imagenet.js";
import { openDataset } from "../data/open.js";
import { mostPixels } from "../data/picture.js";
import { readSafetensors, type Safetensors } from "../files/safetensors.js";
import { modelNamed } from "../models/models.js";
import { fillWeights, type Published } from "../models/weights.js";
import type { Module } from "../nn/index.js";
import { type Evaluation, evaluate } from "../training/evaluation.js";
import { createSession } from "../training/session.js";
import { defaults, type Settings } from "../training/settings.js";

interface EvaluateOptions {
  model: string;
  data: string;
  batch: string;
  image?: string;
  maxPixels: string;
  memory: string;
}

export function registerEvaluate(program: Command): void {
  program
    .command("evaluate")
    .summary("the accuracy of weights from a file")
    .description(
      "Classifies a data set's test images with weights from a safetensors file. Weights for ImageNet's 1000 classes\n" +
        "take any folder of photographs whose path has their class: n01440764/x.JPEG or n01440764_tench.JPEG.",
    )
    .argument("<weights>", "a .safetensors file with PyTorch's names, or the published SqueezeNet 1.0")
    .option("--model <name>", "network (e.g. --model resnet20)", defaults.model)
    .option("--data <name|path>", "data (e.g. --data cifar10)", "fashion-mnist")
    .option("--batch <N>", "images at a time (e.g. --batch 100)", "32")
    .option("--image <size>", "side of the square cut from photographs (e.g. --image 224)")
    .option("--max-pixels <n>", "refuse images of more pixels (e.g. --max-pixels 200e6)", String(mostPixels))
    .option("--memory <bytes>", "the device's budget (e.g. --memory 512MiB)", defaults.memory)
    .addHelpText(
      "after",
      "\nExample:\n  comet evaluate resnet20-cifar10.safetensors --model resnet20 --data cifar10",
    )
    .action(async (path: string, { model, data, batch, image, maxPixels, memory }: EvaluateOptions) => {
      const { output, published } = modelNamed(model);
      const weights = await readSafetensors(path);
      const known = published && weights.tensors.has(published.name(`${output}.weight`)) ? published : null;
      const dataset = await openFor(weights, data, known, output, {
        image: image === undefined ? null : Number(image),
        maxPixels: Number(maxPixels),
      });
      try {
        const settings = { ...defaults, model, batch: Number(batch), memory, store: "plain" as const };
        const { loss, accuracy, accuracyOfFive } = await evaluated(settings, dataset, (model) =>
          fillWeights(model, weights, path, known?.name),
        );
        const percent = (share: number) => `${(100 * share).toFixed(2)} %`;
        const five = dataset.classes.length > 10 ? `, ${percent(accuracyOfFive)} among the first five` : "";
        process.stdout.write(
          `${percent(accuracy)} of ${dataset.test.length} test images right${five}, mean loss ${loss.toFixed(4)}\n`,
        );
      } finally {
        await dataset.close();
      }
    });
}

/** Evaluates the test images in a session of its own, with the weights that `fill` loads. */
async function evaluated(
  settings: Settings,
  dataset: Dataset,
  fill: (model: Module) => void,
): Promise<Evaluation> {
  const session = createSession(settings, dataset);
  try {
    fill(session.model);
    return await evaluate(session, dataset.test);
  } finally {
    await session.close();
  }
}

/** The data set for the weights: with ImageNet's classes if the weights have these and the folders are named by them. */
async function openFor(
  { tensors }: Safetensors,
  data: string,
  known: Published | null,
  output: string,
  { image, maxPixels }: { image: number | null; maxPixels: number },
): Promise<Dataset> {
  const size = image ?? known?.size ?? 224;
  const settings = known
    ? { size, maxPixels, resize: Math.max(256, size), normalization: known.normalization }
    : { size, maxPixels };
  const name = `${output}.bias`;
  const outputs = tensors.get(known ? known.name(name) : name)?.shape[0];
  const imagenet = outputs === imagenetClasses().length && (await namedBySynset(data));
  return imagenet ? openImagenet(data, settings) : openDataset(data, settings);
}
