/**
 * Opens the data set that a user names after `--data`: a known name, or the path of a folder with a known
 * layout.
 */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { DataError } from "../error.js";
import { suggestion } from "../suggest.js";
import { type CifarLayout, cifar10, cifar100, openCifar } from "./cifar.js";
import type { Dataset } from "./dataset.js";
import { openImageFolder } from "./imagefolder.js";
import { openFashionMnist, openIdxFolder } from "./mnist.js";
import { checkSize, type FolderSettings } from "./settings.js";

export const datasetNames = ["fashion-mnist", "cifar10", "cifar100"] as const;

/** The folder where data sets are stored and looked up: COMET_DATA, or `data` in the working folder. */
export const dataFolder = (): string => process.env.COMET_DATA ?? "data";

/** The folder names that the official archives use. */
export const cifarFolder = ({ name }: CifarLayout): string =>
  join(dataFolder(), name === "cifar10" ? "cifar-10-batches-bin" : "cifar-100-binary");

/** The classes of an IDX folder, whose files contain no names. */
const digits = [..."0123456789"];

/** This prefix opens a path as a folder of photographs, whatever else it contains. */
const imageFolder = "imagefolder:";

/**
 * Opens a data set. `settings` apply to folders of photographs only, but an invalid size is a UsageError with
 * any data.
 */
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
      where: "dataset.source",
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
