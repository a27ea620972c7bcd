/**
 * Folders of four IDX files under the names that MNIST gave them, and the embedded default: a class-balanced part of
 * Fashion-MNIST, 10,000 images to train on and 2,000 to test (see fashion-mnist/make.ts for the rule).
 *
 * Inputs are v/255/std and the mean is not taken off: background stays exactly 0, and zeros matter here, for the codec
 * keeps them exactly and the law of the gradient error counts only inputs that are not zero.
 */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { DataError } from "../error.js";
import type { Dataset } from "./dataset.js";
import { checkLabels, readFirst } from "./files.js";
import { decodeIdx } from "./idx.js";
import type { Normalization } from "./normalize.js";
import { type Pixels, pixelSplit } from "./pixels.js";

/** Standard deviation of all pixels of the embedded training images, scaled to 0 … 1; make.ts prints it. */
const fashionStd = 0.354;

const normalization: Normalization = { mean: [0], std: [fashionStd], range: 1, order: null };

export const fashionClasses = [
  "T-shirt/top",
  "Trouser",
  "Pullover",
  "Dress",
  "Coat",
  "Sandal",
  "Shirt",
  "Sneaker",
  "Bag",
  "Ankle boot",
];

/** The data files are kept beside the sources only; both source tree and package have `src` next to `dist`. */
const embedded = fileURLToPath(new URL("../../../src/data/fashion-mnist", import.meta.url));

export function openFashionMnist(): Promise<Dataset> {
  return openIdxFolder(embedded, "fashion-mnist", fashionClasses);
}

/** `folder` holds {train,t10k}-{images-idx3,labels-idx1}-ubyte, each plain or with .gz. */
export async function openIdxFolder(folder: string, name: string, classes: string[]): Promise<Dataset> {
  const hash = createHash("sha256");
  const train = await readSplit(folder, "train", classes.length, hash.update.bind(hash));
  const test = await readSplit(folder, "t10k", classes.length, hash.update.bind(hash));
  if (train.height !== test.height || train.width !== test.width) {
    throw new DataError({
      where: folder,
      expected: `test images of ${train.height}×${train.width} like the training images`,
      got: `${test.height}×${test.width}`,
      remedy: "put the four files of one data set into the folder",
    });
  }
  const unchanged = { pad: 0, mirror: false };
  return {
    name,
    classes,
    channels: 1,
    height: train.height,
    width: train.width,
    train: pixelSplit(train, normalization, unchanged),
    test: pixelSplit(test, normalization, unchanged),
    hash: hash.digest("hex"),
    skipped: [],
    close: async () => {},
  };
}

async function readSplit(
  folder: string,
  prefix: "train" | "t10k",
  classes: number,
  seen: (bytes: Uint8Array) => void,
): Promise<Pixels> {
  const images = await readIdx(folder, `${prefix}-images-idx3-ubyte`, 3);
  const labels = await readIdx(folder, `${prefix}-labels-idx1-ubyte`, 1);
  seen(images.bytes);
  seen(labels.bytes);
  const [count, height, width] = images.dimensions as [number, number, number];
  if (labels.data.length !== count) {
    throw new DataError({
      where: labels.path,
      expected: `${count} labels, one for each image`,
      got: `${labels.data.length}`,
      remedy: "take images and labels from the same source",
    });
  }
  checkLabels(labels.path, labels.data, classes);
  return { data: images.data, labels: labels.data, channels: 1, height, width };
}

async function readIdx(folder: string, name: string, rank: number) {
  const plain = join(folder, name);
  const { path, bytes } = await readFirst(
    [plain, `${plain}.gz`],
    "put the four IDX files (plain or .gz) there",
  );
  return { path, ...decodeIdx(bytes, path, rank) };
}
