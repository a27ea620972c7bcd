/** `comet compress`: encodes the float32 tensors of files within a bound, one part at a time. */

import type { Command } from "commander";
import type { Quantizer } from "../codec/bound.js";
import { decode, type EncodeOptions, encode } from "../codec/index.js";
import { DataError, UsageError } from "../error.js";
import { Content, magic, partLength, section } from "./archive.js";
import { Narrowing } from "./narrowing.js";
import type { Piece } from "./piece.js";
import { ByteBar } from "./progress.js";
import { Sink } from "./sink.js";
import { Source } from "./source.js";
import { piecesOf } from "./tensorfile.js";

interface CompressOptions {
  output: string;
  bound?: number;
  relative?: number;
  lossless?: boolean;
  mode: "fast" | "dense" | "auto";
  quantizer: Quantizer;
  shape?: string;
  float32: boolean;
}

const u32 = (value: number): Uint8Array => new Uint8Array(Uint32Array.of(value).buffer);

function shapeOf(text: string | undefined): number[] | undefined {
  if (text === undefined) return undefined;
  const sizes = text.split(/[,x]/);
  if (sizes.every((size) => /^\d{1,15}$/.test(size))) return sizes.map(Number);
  throw new UsageError({
    where: "--shape",
    expected: "whole sizes",
    got: text,
    remedy: "give for example --shape 16,64,28,28",
  });
}

/** The parts of a tensor along its first dimensions: shapes, each of at most partLength values where sizes allow. */
export function* partsOf(shape: readonly number[]): Generator<number[]> {
  let inner = 1;
  let cut = shape.length;
  while (cut > 0 && inner * shape[cut - 1]! <= partLength) inner *= shape[--cut]!;
  const rest = shape.slice(cut);
  if (cut === 0) {
    yield rest;
    return;
  }
  let outer = shape.slice(0, cut).reduce((product, size) => product * size, 1);
  const most = Math.max(1, Math.floor(partLength / inner));
  for (; outer > 0; outer -= most) yield [Math.min(outer, most), ...rest];
}

const lengthOf = (shape: readonly number[]) => shape.reduce((product, size) => product * size, 1);

/** max − min over all finite values of all tensors, by another pass over the file. */
async function rangeOf(path: string, shape: number[] | undefined, float32: boolean): Promise<number> {
  const source = await Source.open(path);
  let least = Number.POSITIVE_INFINITY;
  let most = Number.NEGATIVE_INFINITY;
  try {
    if ((await source.bytes()) === null) {
      throw new UsageError({
        where: "--relative",
        expected: "a file, which can be read twice",
        got: source.name,
        remedy: "give --bound, or a file",
      });
    }
    for (const piece of await piecesOf(source, shape, float32 ? new Narrowing() : null)) {
      if (piece.kind === "skip") await source.take(piece.length, "bytes");
      if (piece.kind !== "tensor") continue;
      for (const part of partsOf(piece.shape)) {
        const { bytes, floats } = piece.values;
        for (const value of floats(await source.take(bytes * lengthOf(part), piece.name))) {
          if (!Number.isFinite(value)) continue;
          least = Math.min(least, value);
          most = Math.max(most, value);
        }
      }
    }
  } finally {
    await source.close();
  }
  return most - least;
}

async function encodeOptionsOf(path: string, options: CompressOptions): Promise<EncodeOptions> {
  const { bound, relative, lossless, mode, quantizer } = options;
  const given = [bound, relative, lossless].filter((value) => value !== undefined).length;
  if (given !== 1) {
    throw new UsageError({
      where: "comet compress",
      expected: "one of --bound, --relative and --lossless",
      got: given === 0 ? "none" : String(given),
      remedy: "give for example --bound 1e-3",
    });
  }
  if (lossless) return { lossless, mode, quantizer };
  if (bound !== undefined) return { bound, mode, quantizer };
  const range = await rangeOf(path, shapeOf(options.shape), options.float32);
  return range > 0 ? { bound: relative! * range, mode, quantizer } : { lossless: true };
}

async function compress(path: string, options: CompressOptions): Promise<void> {
  const encoding = await encodeOptionsOf(path, options);
  const source = await Source.open(path);
  const sink = new Sink(options.output);
  const progress = new ByteBar("compress", (await source.bytes()) ?? 0);
  const content = new Content();
  const narrowing = options.float32 ? new Narrowing() : null;
  try {
    await sink.write(magic);
    for (const piece of await piecesOf(source, shapeOf(options.shape), narrowing)) {
      await compressPiece(piece, source, sink, content, encoding, () => progress.update(content.bytes));
    }
    const behind = await source.drain();
    if (behind > 0) throw tooLong(source.name, options.shape, content.bytes, content.bytes + behind);
    await sink.write(Buffer.concat([Uint8Array.of(section.end), u32(content.checksum())]));
    await sink.write(new Uint8Array(Float64Array.of(content.bytes).buffer));
    sink.commit();
  } catch (error) {
    sink.abandon();
    throw error;
  } finally {
    progress.stop();
    await source.close();
  }
  if (narrowing?.loss) process.stderr.write(`${narrowing.loss}\n`);
  process.stderr.write(
    `${content.bytes} → ${sink.bytes} bytes, ratio ${(content.bytes / sink.bytes).toFixed(2)}\n`,
  );
}

const tooLong = (where: string, shape: string | undefined, expected: number, got: number): DataError =>
  new DataError({
    where,
    expected: `${expected} bytes, as ${shape === undefined ? "its header" : `--shape ${shape}`} says`,
    got: `${got} bytes`,
    remedy: shape === undefined ? "save or copy the file again" : "give the shape of the whole file",
  });

async function keep(bytes: Uint8Array, sink: Sink, content: Content): Promise<void> {
  await sink.write(Buffer.concat([Uint8Array.of(section.bytes), u32(bytes.length)]));
  await sink.write(bytes);
  content.add(bytes);
}

async function compressPiece(
  piece: Piece,
  source: Source,
  sink: Sink,
  content: Content,
  encoding: EncodeOptions,
  onPart: () => void,
): Promise<void> {
  if (piece.kind === "bytes") return keep(piece.bytes, sink, content);
  if (piece.kind === "skip") {
    for (let left = piece.length; left > 0; left -= 1 << 20) {
      await keep(await source.take(Math.min(left, 1 << 20), "bytes"), sink, content);
    }
    return;
  }
  for (const shape of partsOf(piece.shape)) {
    const { bytes, floats } = piece.values;
    const x = floats(await source.take(bytes * lengthOf(shape), piece.name));
    const frame = encode(x, { ...encoding, shape });
    await sink.write(Uint8Array.of(section.frame));
    await sink.write(frame);
    content.add(new Uint8Array(decode(frame).buffer));
    onPart();
  }
}

export function registerCompress(program: Command): void {
  program
    .command("compress")
    .description("encode the float32 tensors of a .npy, .safetensors or raw file within an error bound")
    .argument("<file>", 'the file, or "-" for standard input')
    .requiredOption("-o, --output <file>", 'where the result goes, or "-" for standard output')
    .option("--bound <number>", "the largest error of any value, e.g. --bound 1e-3", Number)
    .option("--relative <number>", "the same as a share of the values' range, e.g. --relative 1e-3", Number)
    .option("--lossless", "keep every bit")
    .option("--mode <name>", "fast, dense or auto, e.g. --mode dense", "auto")
    .option("--quantizer <name>", "support, paper, dithered or signed, e.g. --quantizer paper", "support")
    .option("--float32", "store a .npy file's float64 or float16 as float32, and say what that loses", false)
    .option("--shape <sizes>", "of raw float32, e.g. --shape 16,64,28,28")
    .addHelpText("after", "\nExample:\n  comet compress activations.npy -o activations.cmt --bound 1e-3")
    .action(compress);
}
