/** From what a user types after `--data` to a data set: a known name, or the path of a folder of a known layout. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { DataError } from "../error.js";
import { suggestion } from "../suggest.js";
import { type CifarLayout, cifar10, cifar100, openCifar } from "./cifar.js";
import type { Dataset } from "./dataset.js";
import { openImageFolder } from "./imagefolder.js";
import { openFashionMnist, openIdxFolder } from "./mnist.js";
import { checkSize, type FolderSettings } from "./photographs.js";

export const datasetNames = ["fashion-mnist", "cifar10", "cifar100"] as const;

/** Where data sets are fetched to and looked for: `data` in the working folder, or what COMET_DATA names. */
export const dataFolder = (): string => process.env.COMET_DATA ?? "data";

/** The folder names of the official archives. */
export const cifarFolder = ({ name }: CifarLayout): string =>
  join(dataFolder(), name === "cifar10" ? "cifar-10-batches-bin" : "cifar-100-binary");

/** Classes of an IDX folder, whose files hold no names. */
const digits = [..."0123456789"];

/** In front of a path: a folder of photographs, whatever else it holds. */
const imageFolder = "imagefolder:";

/** `settings` matter to folders of photographs only; a size that is none is a UsageError with any data. */
export async function openDataset(nameOrPath: string, settings: FolderSettings = {}): Promise<Dataset> {
  if (settings.size !== undefined) {
    checkSize(settings.size);
  }
  switch (nameOrPath) {
    case "fashion-mnist":
      return openFashionMnist();
    case "cifar10":
      return openCifar(cifarFolder(cifar10), cifar10);
    case "cifar100":
      return openCifar(cifarFolder(cifar100), cifar100);
    default:
      return nameOrPath.startsWith(imageFolder)
        ? openImageFolder(nameOrPath.slice(imageFolder.length), settings)
        : openFolder(nameOrPath, settings);
  }
}

async function openFolder(path: string, settings: FolderSettings): Promise<Dataset> {
  const entries = await readdir(path).catch(() => null);
  if (entries === null) {
    throw new DataError({
      where: "--data",
      expected: "the name of a data set, or a folder",
      got: `"${path}"`,
      remedy: suggestion(path, datasetNames),
    });
  }
  const has = (name: string) => entries.includes(name);
  if (has("train")) {
    return openImageFolder(path, settings);
  }
  if (has("data_batch_1.bin")) {
    return openCifar(path, cifar10);
  }
  if (has("train.bin")) {
    return openCifar(path, cifar100);
  }
  if (entries.some((name) => name.startsWith("train-images-idx3-ubyte"))) {
    return openIdxFolder(path, path, digits);
  }
  throw new DataError({
    where: path,
    expected: "train/CLASS/*.jpg, CIFAR's data_batch_1.bin or train.bin, or train-images-idx3-ubyte",
    got: entries.length === 0 ? "an empty folder" : entries.slice(0, 4).join(", "),
    remedy: "give the folder that holds one of these",
  });
}
