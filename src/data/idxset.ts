/** A data set made of four IDX files, which the caller has read from disk or over the network. */
import { platform } from "#platform";
import { DataError } from "../error.js";
import type { Dataset } from "./dataset.js";
import { decodeIdx } from "./idx.js";
import type { Normalization } from "./normalize.js";
import { checkLabels, type Pixels, pixelSplit } from "./pixels.js";

/** An uncompressed IDX file. `where` names it in errors. */
export interface IdxFile {
  where: string;
  bytes: Uint8Array;
}

/** An IDX file of images and one of their labels. */
export type IdxPair = readonly [images: IdxFile, labels: IdxFile];

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

/**
 * The standard deviation of all pixels of the embedded training images, scaled to 0 … 1;
 * fashion-mnist/make.ts prints it.
 */
const fashionStd = 0.354;

/** The mean is not subtracted, so that the background stays exactly 0; see mnist.ts. */
const normalization: Normalization = { mean: [0], std: [fashionStd], range: 1, order: null };

/**
 * Makes the data set. Throws a DataError that names the file if one is damaged or if they do not belong
 * together.
 */
export function idxDataset(name: string, classes: string[], train: IdxPair, test: IdxPair): Dataset {
  const hash = platform.sha256();
  for (const { bytes } of [...train, ...test]) hash.update(bytes);
  const trained = pixelsOf(train, classes.length);
  const tested = pixelsOf(test, classes.length);
  const { height, width } = trained;
  if (height !== tested.height || width !== tested.width) {
    throw new DataError({
      where: test[0].where,
      expected: `test images of ${height}×${width} like the training images`,
      got: `${tested.height}×${tested.width}`,
      remedy: "take the four files from one data set",
    });
  }
  const unchanged = { pad: 0, mirror: false };
  return {
    name,
    classes,
    channels: 1,
    height,
    width,
    train: pixelSplit(trained, normalization, unchanged),
    test: pixelSplit(tested, normalization, unchanged),
    hash: hash.digest(),
    skipped: [],
    close: async () => {},
  };
}

function pixelsOf([imageFile, labelFile]: IdxPair, classes: number): Pixels {
  const images = decodeIdx(imageFile.bytes, imageFile.where, 3);
  const labels = decodeIdx(labelFile.bytes, labelFile.where, 1);
  const [count, height, width] = images.dimensions as [number, number, number];
  if (labels.data.length !== count) {
    throw new DataError({
      where: labelFile.where,
      expected: `${count} labels, one for each image`,
      got: `${labels.data.length}`,
      remedy: "take images and labels from the same source",
    });
  }
  checkLabels(labelFile.where, labels.data, classes);
  return { data: images.data, labels: labels.data, channels: 1, height, width };
}
