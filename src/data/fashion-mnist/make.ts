/**
 * Makes the embedded data set from the original Fashion-MNIST: the first 1,000 training images and the first
 * 200 test images of each class, in file order. Run from the repository's root after a build:
 *
 *   node dist/src/data/fashion-mnist/make.js /usr/share/datasets/fashion-mnist src/data/fashion-mnist
 *
 * The first folder holds the four original .gz files (Debian: package dataset-fashion-mnist).
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { writeAtomically } from "../../files/atomic.js";
import { decodeIdx, encodeIdx } from "../idx.js";
import { unzippedIdx } from "../mnist.js";

const [from, to] = process.argv.slice(2);
if (!from || !to) {
  throw new Error("usage: make.js FOLDER-OF-THE-ORIGINAL OUT-FOLDER");
}

async function makeSplit(source: string, target: string, prefix: string, eachClass: number): Promise<void> {
  const read = async (name: string, rank: number) =>
    decodeIdx(unzippedIdx(await readFile(join(source, `${name}.gz`)), name, rank), name, rank);
  const images = await read(`${prefix}-images-idx3-ubyte`, 3);
  const labels = await read(`${prefix}-labels-idx1-ubyte`, 1);
  const [, height, width] = images.dimensions as [number, number, number];

  const taken = new Array<number>(10).fill(0);
  const chosen = [...labels.data.keys()].filter((i) => taken[labels.data[i]!]!++ < eachClass);
  const image = height * width;
  const data = new Uint8Array(chosen.length * image);
  chosen.forEach((i, n) => {
    data.set(images.data.subarray(i * image, (i + 1) * image), n * image);
  });

  const write = (name: string, file: Uint8Array) =>
    writeAtomically(join(target, `${name}.gz`), gzipSync(file, { level: 9 }));
  write(`${prefix}-images-idx3-ubyte`, encodeIdx([chosen.length, height, width], data));
  write(
    `${prefix}-labels-idx1-ubyte`,
    encodeIdx(
      [chosen.length],
      Uint8Array.from(chosen, (i) => labels.data[i]!),
    ),
  );
  console.log(`${prefix}: ${chosen.length} images, standard deviation of pixels ${std(data).toFixed(4)}`);
}

function std(bytes: Uint8Array): number {
  let sum = 0;
  let squares = 0;
  for (const v of bytes) {
    sum += v;
    squares += v * v;
  }
  const mean = sum / bytes.length;
  return Math.sqrt(squares / bytes.length - mean * mean) / 255;
}

await makeSplit(from, to, "train", 1000);
await makeSplit(from, to, "t10k", 200);
