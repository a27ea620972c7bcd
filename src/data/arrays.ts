/** A data set made of the caller's own values: arrays, or images that come one after another. */
import { platform } from "#platform";
import { DataError, ShapeError, UsageError } from "../error.js";
import type { Rng } from "../rng.js";
import type { Dataset, Split } from "./dataset.js";
import { checkBatch } from "./pixels.js";

/** One image: C·H·W values, channel after channel and row after row, and its class number. */
export interface LabelledImage {
  readonly image: ArrayLike<number>;
  readonly label: number;
}

/** N images as one array of N·C·H·W values, and their N class numbers. */
export interface LabelledArrays {
  readonly images: ArrayLike<number>;
  readonly labels: ArrayLike<number>;
}

/** The images of one split. An iterator is read to its end, and each image is copied as it comes. */
export type ImageSource = LabelledArrays | Iterable<LabelledImage> | AsyncIterable<LabelledImage>;

export interface DatasetParts {
  /** Default "own". */
  readonly name?: string;
  /** Names of the classes; a label is an index into this list. */
  readonly classes: readonly string[];
  readonly channels: number;
  /** In pixels. */
  readonly height: number;
  readonly width: number;
  readonly train: ImageSource;
  readonly test: ImageSource;
  /**
   * Changes a training image (C·H·W values) in place each time it is used, for example by a mirror at random. All random
   * numbers come from `rng`, so that a run repeats. Not called where `settings.augment` is false.
   */
  augment?(image: Float32Array, rng: Rng): void;
}

/**
 * Makes a data set that holds all images in memory, as float32 values which the network sees as they are: subtract the
 * mean and divide by the standard deviation first if the network needs that. A Float32Array in `images` is not copied.
 *
 * Throws a ShapeError if the number of values does not fit the extents or the labels, a DataError that names the image if
 * a label is no class or a value is not finite, and a UsageError if there are no classes or a split is empty. A data set
 * that does not fit into memory implements `Dataset` itself.
 */
export async function datasetOf(parts: DatasetParts): Promise<Dataset> {
  const { name = "own", classes, channels, height, width } = parts;
  for (const [extent, value] of Object.entries({ channels, height, width })) {
    if (Number.isInteger(value) && value >= 1) continue;
    throw new ShapeError({
      where: `datasetOf, ${extent}`,
      expected: "a whole number of at least 1",
      got: String(value),
      remedy: "give the extents of one image",
    });
  }
  if (classes.length === 0) throw empty("classes", "at least one class", "name the classes");
  const hash = platform.sha256();
  const split = async (part: "train" | "test", augment?: DatasetParts["augment"]): Promise<Split> => {
    const images: Float32Array[] = [];
    const labels: number[] = [];
    for await (const { image, label } of imagesOf(part, parts[part], channels * height * width)) {
      check(`datasetOf, image ${labels.length} of ${part}`, image, label, parts);
      images.push(image);
      labels.push(label);
      hash.update(new Uint8Array(image.buffer, image.byteOffset, image.byteLength));
    }
    if (images.length === 0) throw empty(part, "at least one image", "give images to train and to test on");
    hash.update(labels.join());
    return splitOf(images, labels, augment);
  };
  const train = await split("train", parts.augment);
  const test = await split("test");
  return {
    name,
    classes: [...classes],
    channels,
    height,
    width,
    train,
    test,
    hash: hash.digest(),
    skipped: [],
    close: async () => {},
  };
}

const empty = (part: string, expected: string, remedy: string): UsageError =>
  new UsageError({ where: `datasetOf, ${part}`, expected, got: "none", remedy });

/** The images of a source one after another; `size` is the number of values of each. */
async function* imagesOf(
  part: string,
  source: ImageSource,
  size: number,
): AsyncGenerator<{ image: Float32Array; label: number }> {
  if (!("images" in source)) {
    for await (const { image, label } of source) yield { image: Float32Array.from(image), label };
    return;
  }
  const { images, labels } = source;
  if (images.length !== labels.length * size) {
    throw new ShapeError({
      where: `datasetOf, ${part}`,
      expected: `${labels.length} × ${size} values for ${labels.length} labels`,
      got: String(images.length),
      remedy: "give channels × height × width values for each label",
    });
  }
  const values = images instanceof Float32Array ? images : Float32Array.from(images);
  for (let i = 0; i < labels.length; i++) {
    yield { image: values.subarray(i * size, (i + 1) * size), label: labels[i]! };
  }
}

function check(
  where: string,
  image: Float32Array,
  label: number,
  { classes, channels, height, width }: DatasetParts,
): void {
  if (image.length !== channels * height * width) {
    throw new ShapeError({
      where,
      expected: `${channels} × ${height} × ${width} values`,
      got: String(image.length),
      remedy: "give all images in one size",
    });
  }
  if (!(Number.isInteger(label) && label >= 0 && label < classes.length)) {
    throw new DataError({
      where,
      expected: `a label from 0 to ${classes.length - 1}`,
      got: String(label),
      remedy: "number the classes from 0, in the order of their names",
    });
  }
  const bad = image.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) {
    throw new DataError({
      where,
      expected: "finite float32 values",
      got: `${image[bad]} at ${bad}`,
      remedy: "leave the image out, or repair it",
    });
  }
}

const splitOf = (
  images: readonly Float32Array[],
  labels: readonly number[],
  augment: DatasetParts["augment"],
): Split => ({
  length: images.length,
  batch(indices, values, numbers, rng) {
    const size = images[0]!.length;
    checkBatch(indices, values, numbers, size, images.length);
    indices.forEach((index, n) => {
      const image = values.subarray(n * size, (n + 1) * size);
      image.set(images[index]!);
      if (rng) augment?.(image, rng.fork(`image ${index}`));
      numbers[n] = labels[index]!;
    });
  },
});
