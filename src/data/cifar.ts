/**
 * CIFAR-10 and CIFAR-100 in their binary form. A record is
 *
 *   CIFAR-10:          label  1024 red  1024 green  1024 blue      3,073 bytes
 *   CIFAR-100: coarse  fine   1024 red  1024 green  1024 blue      3,074 bytes
 *
 * where each plane is 32 rows of 32. Training images are padded by 4, cropped and mirrored at random.
 */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { DataError } from "../error.js";
import type { Dataset } from "./dataset.js";
import { readFirst } from "./files.js";
import { imagenetNormalization } from "./normalize.js";
import { checkLabels, type Pixels, pixelSplit } from "./pixels.js";

export interface CifarLayout {
  name: "cifar10" | "cifar100";
  trainFiles: readonly string[];
  testFiles: readonly string[];
  /** Label bytes before the pixels. The last one is the class. */
  labelBytes: number;
  classes: number;
  /** The text file with the names of the classes, one per line. */
  namesFile: string;
}

export const cifar10: CifarLayout = {
  name: "cifar10",
  trainFiles: [1, 2, 3, 4, 5].map((i) => `data_batch_${i}.bin`),
  testFiles: ["test_batch.bin"],
  labelBytes: 1,
  classes: 10,
  namesFile: "batches.meta.txt",
};

export const cifar100: CifarLayout = {
  name: "cifar100",
  trainFiles: ["train.bin"],
  testFiles: ["test.bin"],
  labelBytes: 2,
  classes: 100,
  namesFile: "fine_label_names.txt",
};

export const cifar10Classes = "airplane automobile bird cat deer dog frog horse ship truck".split(" ");

const height = 32;
const width = 32;
const channels = 3;
const imageBytes = channels * height * width;

/** The number of images in the official training and test sets. A folder with fewer is damaged. */
const officialCount = { train: 50_000, test: 10_000 };

export async function openCifar(
  folder: string,
  layout: CifarLayout,
  count: { train: number; test: number } = officialCount,
): Promise<Dataset> {
  const hash = createHash("sha256");
  const readSplit = async (files: readonly string[], images: number): Promise<Pixels> => {
    const parts: Pixels[] = [];
    for (const file of files) {
      const { path, bytes } = await readFirst(
        [join(folder, file)],
        layout.name === "cifar10"
          ? "run comet data cifar10, or give the folder that holds it"
          : "unpack the official binary archive there, or give the folder that holds it",
        (path, length) => checkLength(length, path, layout, images / files.length),
      );
      hash.update(bytes);
      parts.push(decodeRecords(bytes, path, layout, images / files.length));
    }
    return {
      data: Buffer.concat(parts.map((part) => part.data)),
      labels: Buffer.concat(parts.map((part) => part.labels)),
      channels,
      height,
      width,
    };
  };
  const train = await readSplit(layout.trainFiles, count.train);
  const test = await readSplit(layout.testFiles, count.test);
  return {
    name: layout.name,
    classes: await readClassNames(folder, layout),
    channels,
    height,
    width,
    train: pixelSplit(train, imagenetNormalization, { pad: 4, mirror: true }),
    test: pixelSplit(test, imagenetNormalization, { pad: 0, mirror: false }),
    hash: hash.digest("hex"),
    skipped: [],
    close: async () => {},
  };
}

function checkLength(bytes: number, path: string, { labelBytes }: CifarLayout, count: number): void {
  const recordBytes = labelBytes + imageBytes;
  if (bytes !== count * recordBytes) {
    throw new DataError({
      where: path,
      expected: `${count * recordBytes} bytes (${count} records of ${recordBytes})`,
      got: `${bytes} bytes`,
      remedy: "fetch the file again",
    });
  }
}

/** Splits a file's records into labels and pixels. */
function decodeRecords(bytes: Uint8Array, path: string, layout: CifarLayout, count: number): Pixels {
  const recordBytes = layout.labelBytes + imageBytes;
  checkLength(bytes.length, path, layout, count);
  const data = new Uint8Array(count * imageBytes);
  const labels = new Uint8Array(count);
  for (let n = 0; n < count; n++) {
    const start = n * recordBytes + layout.labelBytes;
    labels[n] = bytes[start - 1]!;
    data.set(bytes.subarray(start, start + imageBytes), n * imageBytes);
  }
  checkLabels(path, labels, layout.classes);
  return { data, labels, channels, height, width };
}

/**
 * Reads the class names from the archive's text file. Without it, CIFAR-10's names are built in and
 * CIFAR-100's are numbers.
 */
async function readClassNames(folder: string, { namesFile, classes, name }: CifarLayout): Promise<string[]> {
  const text = await readFile(join(folder, namesFile), "utf8").catch(() => "");
  const names = text.split(/\s+/).filter((word) => word !== "");
  if (names.length === classes) {
    return names;
  }
  return name === "cifar10" ? cifar10Classes : Array.from({ length: classes }, (_, i) => String(i));
}
