/**
 * Folders of four IDX files with MNIST's file names, and the embedded default data set: a class-balanced part
 * of Fashion-MNIST with 10,000 training and 2,000 test images (fashion-mnist/make.ts states the rule).
 *
 * Inputs are v/255/std, and the mean is not subtracted, so that the background stays exactly 0. Zeros matter
 * here: the codec preserves them exactly, and the law of the gradient error counts only inputs that are not
 * zero.
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Dataset } from "./dataset.js";
import { isZipped, readFirst, unzipped, unzippedHead } from "./files.js";
import { idxFileBytes, idxHeaderBytes } from "./idx.js";
import { fashionClasses, type IdxFile, type IdxPair, idxDataset } from "./idxset.js";

/**
 * The data files are stored only beside the sources. Source tree and package both have `src` next to `dist`.
 */
const embedded = fileURLToPath(new URL("../../../src/data/fashion-mnist", import.meta.url));

export function openFashionMnist(): Promise<Dataset> {
  return openIdxFolder(embedded, "fashion-mnist", fashionClasses);
}

/** `folder` holds {train,t10k}-{images-idx3,labels-idx1}-ubyte, each plain or with .gz. */
export async function openIdxFolder(folder: string, name: string, classes: string[]): Promise<Dataset> {
  return idxDataset(name, classes, await readPair(folder, "train"), await readPair(folder, "t10k"));
}

const readPair = async (folder: string, prefix: "train" | "t10k"): Promise<IdxPair> => [
  await readIdx(folder, `${prefix}-images-idx3-ubyte`, 3),
  await readIdx(folder, `${prefix}-labels-idx1-ubyte`, 1),
];

async function readIdx(folder: string, name: string, rank: number): Promise<IdxFile> {
  const plain = join(folder, name);
  const remedy = "put the four IDX files (plain or .gz) there";
  const { path, bytes } = await readFirst([plain, `${plain}.gz`], remedy);
  return { where: path, bytes: isZipped(bytes) ? unzippedIdx(bytes, path, rank) : bytes };
}

/** Unzips an IDX file to the number of bytes that its own header states. */
export function unzippedIdx(file: Uint8Array, where: string, rank: number): Uint8Array {
  const head = unzippedHead(file, idxHeaderBytes(rank));
  return unzipped(file, where, idxFileBytes(head, where, rank));
}
