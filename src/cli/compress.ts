/** comet compress, decompress, inspect: tensors in files, within a bound. */
import { readFile, rename, rm, writeFile } from "node:fs/promises";
import type { Command } from "commander";
import { decode, encode, inspect } from "../codec/index.js";
import { decodeNpy, encodeNpy } from "../data/npy.js";
import { UsageError } from "../error.js";

interface CompressOptions {
  output: string;
  bound?: number;
  relative?: number;
  quantizer: "support" | "paper" | "dithered";
}

/** A file appears whole or not at all. */
async function writeWhole(path: string, bytes: Uint8Array): Promise<void> {
  const temporary = `${path}.${process.pid}.part`;
  try {
    await writeFile(temporary, bytes);
    await rename(temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
}

function boundOf(data: Float32Array, { bound, relative }: CompressOptions): number {
  if ((bound === undefined) === (relative === undefined)) {
    throw new UsageError({
      where: "comet compress",
      expected: "either --bound or --relative",
      got: bound === undefined ? "neither" : "both",
      remedy: "give for example --bound 1e-3",
    });
  }
  if (bound !== undefined) return bound;
  const finite = data.filter(Number.isFinite);
  const range =
    finite.reduce((a, b) => Math.max(a, b), -Infinity) - finite.reduce((a, b) => Math.min(a, b), Infinity);
  return range > 0 ? relative! * range : relative!;
}

async function compress(path: string, options: CompressOptions): Promise<void> {
  const { shape, data } = decodeNpy(await readFile(path), path);
  const bound = boundOf(data, options);
  const frame = encode(data, { bound, shape, quantizer: options.quantizer });
  await writeWhole(options.output, frame);
  process.stdout.write(`${path}: ratio ${inspect(frame).ratio.toFixed(2)}, bound ${inspect(frame).bound}\n`);
}

async function decompress(path: string, { output }: { output: string }): Promise<void> {
  const frame = await readFile(path);
  await writeWhole(output, encodeNpy({ shape: inspect(frame).shape, data: decode(frame) }));
}

export function registerCompress(program: Command): void {
  program
    .command("compress")
    .description("encode a .npy file of float32 within an error bound")
    .argument("<file>", "the .npy file")
    .requiredOption("-o, --output <file>", "where the frame goes")
    .option("--bound <number>", "the largest error of any value, e.g. 1e-3", Number)
    .option("--relative <number>", "the same as a share of the values' range, e.g. 1e-3", Number)
    .option("--quantizer <name>", "support, paper or dithered", "support")
    .addHelpText("after", "\nExample:\n  comet compress activations.npy -o activations.cmt --bound 1e-3")
    .action(compress);
  program
    .command("decompress")
    .description("decode a frame to a .npy file")
    .argument("<file>", "the frame")
    .requiredOption("-o, --output <file>", "the .npy file to write")
    .addHelpText("after", "\nExample:\n  comet decompress activations.cmt -o activations.npy")
    .action(decompress);
  program
    .command("inspect")
    .description("print what a frame says about itself")
    .argument("<file>", "the frame")
    .addHelpText("after", "\nExample:\n  comet inspect activations.cmt")
    .action(async (path: string) => {
      process.stdout.write(`${JSON.stringify(inspect(await readFile(path)), null, 2)}\n`);
    });
}
