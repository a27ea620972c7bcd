/** comet compress, decompress, inspect: the float32 tensors of files, within a bound, a part at a time. */

import { Presets, SingleBar } from "cli-progress";
import type { Command } from "commander";
import type { Quantizer } from "../codec/bound.js";
import { decode, type EncodeOptions, encode, inspect } from "../codec/index.js";
import { anatomy } from "../codec/reference.js";
import { FrameError, UsageError } from "../error.js";
import { Content, magic, partLength, Sink, Source, section } from "./archive.js";
import { type Piece, piecesOf } from "./tensorfile.js";

interface CompressOptions {
  output: string;
  bound?: number;
  relative?: number;
  lossless?: boolean;
  mode: "fast" | "dense" | "auto";
  quantizer: Quantizer;
  shape?: string;
}

const bar = (total: number, what: string): SingleBar => {
  const own = new SingleBar(
    {
      format: `${what} {bar} {percentage}% | ${"{value}"} of {total} MB | ETA {eta_formatted}`,
      stream: process.stderr,
    },
    Presets.rect,
  );
  own.start(Math.ceil(total / 1e6), 0);
  return own;
};

const u32 = (value: number): Uint8Array => new Uint8Array(Uint32Array.of(value).buffer);

function shapeOf(text: string | undefined): number[] | undefined {
  if (text === undefined) return undefined;
  const shape = text.split(/[,x]/).map(Number);
  if (shape.every((size) => Number.isInteger(size) && size >= 0)) return shape;
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

function asFloats(bytes: Uint8Array): Float32Array {
  return new Float32Array(bytes.slice().buffer);
}

/** max − min of every finite value of every tensor: another pass over the file. */
async function rangeOf(path: string, shape: number[] | undefined): Promise<number> {
  if (path === "-") {
    throw new UsageError({
      where: "--relative",
      expected: "a file, which can be read twice",
      got: "standard input",
      remedy: "give --bound, or a file",
    });
  }
  const source = await Source.open(path);
  let least = Number.POSITIVE_INFINITY;
  let most = Number.NEGATIVE_INFINITY;
  try {
    for (const piece of await piecesOf(source, shape)) {
      if (piece.kind === "skip") await source.take(piece.length, "bytes");
      if (piece.kind !== "tensor") continue;
      for (const part of partsOf(piece.shape)) {
        for (const value of asFloats(await source.take(4 * lengthOf(part), piece.name))) {
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
  const range = await rangeOf(path, shapeOf(options.shape));
  return range > 0 ? { bound: relative! * range, mode, quantizer } : { lossless: true };
}

async function compress(path: string, options: CompressOptions): Promise<void> {
  const encoding = await encodeOptionsOf(path, options);
  const source = await Source.open(path);
  const sink = new Sink(options.output);
  const total = await source.bytes();
  const progress = bar(Number.isNaN(total) ? 0 : total, "compress");
  const content = new Content();
  try {
    await sink.write(magic);
    for (const piece of await piecesOf(source, shapeOf(options.shape))) {
      await compressPiece(piece, source, sink, content, encoding, () =>
        progress.update(Math.round(content.bytes / 1e6)),
      );
    }
    for (let rest = await source.read(1 << 20); rest.length > 0; rest = await source.read(1 << 20)) {
      await keep(rest, sink, content);
    }
    await sink.write(Uint8Array.of(section.end, ...u32(content.checksum())));
    await sink.write(new Uint8Array(Float64Array.of(content.bytes).buffer));
    sink.commit();
  } catch (error) {
    sink.abandon();
    throw error;
  } finally {
    progress.stop();
    await source.close();
  }
  process.stderr.write(
    `${content.bytes} → ${sink.bytes} bytes, ratio ${(content.bytes / sink.bytes).toFixed(2)}\n`,
  );
}

async function keep(bytes: Uint8Array, sink: Sink, content: Content): Promise<void> {
  await sink.write(Uint8Array.of(section.bytes, ...u32(bytes.length)));
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
    const x = asFloats(await source.take(4 * lengthOf(shape), piece.name));
    const frame = encode(x, { ...encoding, shape });
    await sink.write(Uint8Array.of(section.frame));
    await sink.write(frame);
    content.add(new Uint8Array(decode(frame).buffer));
    onPart();
  }
}

/** The sections of an archive in order; frames whole. Throws a FrameError where it is damaged or cut off. */
async function* sectionsOf(source: Source): AsyncGenerator<{ kind: number; bytes: Uint8Array }> {
  const head = await source.take(magic.length, "magic");
  if (magic.some((byte, i) => head[i] !== byte)) {
    throw new FrameError({
      where: `${source.name}: magic`,
      expected: "a file that comet compress wrote",
      got: [...head].map((byte) => byte.toString(16)).join(" "),
      remedy: "name another file",
    });
  }
  for (;;) {
    const [kind] = await source.take(1, "section");
    if (kind === section.end) {
      yield { kind, bytes: await source.take(12, "end") };
      return;
    }
    const front = await source.take(kind === section.frame ? 12 : 4, "section length");
    const length = new DataView(front.buffer, front.byteOffset).getUint32(front.length - 4, true);
    if (kind === section.bytes) yield { kind, bytes: await source.take(length, "bytes") };
    else {
      const rest = await source.take(length - front.length, "frame");
      const bytes = new Uint8Array(length);
      bytes.set(front);
      bytes.set(rest, front.length);
      yield { kind: section.frame, bytes };
    }
  }
}

async function decompress(path: string, { output }: { output: string }): Promise<void> {
  const source = await Source.open(path);
  const sink = new Sink(output);
  const content = new Content();
  const total = await source.bytes();
  const progress = bar(Number.isNaN(total) ? 0 : total, "decompress");
  try {
    for await (const { kind, bytes } of sectionsOf(source)) {
      if (kind === section.end) {
        const view = new DataView(bytes.buffer, bytes.byteOffset);
        if (view.getUint32(0, true) !== content.checksum() || view.getFloat64(4, true) !== content.bytes) {
          throw new FrameError({
            where: `${path}: content checksum`,
            expected: view.getUint32(0, true).toString(16),
            got: content.checksum().toString(16),
            remedy: "compress the file again: this one is damaged",
          });
        }
        continue;
      }
      const piece = kind === section.bytes ? bytes : new Uint8Array(decode(bytes).buffer);
      content.add(piece);
      await sink.write(piece);
      progress.increment(Math.round(bytes.length / 1e6));
    }
    sink.commit();
  } catch (error) {
    sink.abandon();
    throw error;
  } finally {
    progress.stop();
    await source.close();
  }
}

/** Bytes by field, bits a value against the entropy of the decoded values, and how these are spread. */
async function inspectFile(path: string): Promise<void> {
  const source = await Source.open(path);
  const out: string[] = [];
  try {
    for await (const { kind, bytes } of sectionsOf(source)) {
      if (kind === section.bytes) out.push(`bytes as they are: ${bytes.length}`);
      if (kind !== section.frame) continue;
      const about = inspect(bytes);
      const { fields, escapes, entropy, histogram } = anatomy(bytes);
      out.push(
        `frame [${about.shape.join(", ")}] ${about.quantizer} ${about.mode}, bound ${about.bound}, ratio ${about.ratio.toFixed(2)}`,
        `  bytes: ${[...fields].map(([field, count]) => `${field} ${count}`).join(", ")}`,
        `  kept raw: ${escapes}; bits a value: ${(32 / about.ratio).toFixed(3)}, entropy of the decoded values ${entropy.toFixed(3)}`,
        ...histogram.map(
          ({ from, share }) => `  ${from.toPrecision(4).padStart(11)} ${"█".repeat(Math.round(60 * share))}`,
        ),
      );
    }
  } finally {
    await source.close();
  }
  process.stdout.write(`${out.join("\n")}\n`);
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
    .option("--shape <sizes>", "of raw float32, e.g. --shape 16,64,28,28")
    .addHelpText("after", "\nExample:\n  comet compress activations.npy -o activations.cmt --bound 1e-3")
    .action(compress);
  program
    .command("decompress")
    .description("the inverse: the file as it was, its tensors within their bound")
    .argument("<file>", 'the compressed file, or "-" for standard input')
    .requiredOption("-o, --output <file>", 'where the result goes, or "-" for standard output')
    .addHelpText("after", "\nExample:\n  comet decompress activations.cmt -o activations.npy")
    .action(decompress);
  program
    .command("inspect")
    .description("print what a compressed file holds")
    .argument("<file>", "the compressed file")
    .addHelpText("after", "\nExample:\n  comet inspect activations.cmt")
    .action(inspectFile);
}
