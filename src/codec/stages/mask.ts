/**
 * The mask of a chunk or a segment: where its holes are (values that no integer stands for), and their words.
 * Predictors fill a hole with the value that they expect, so that a hole has no residual of its own.
 *
 *   kind · [runs] positions · palette, indices | number of repeats, repeats
 *
 *   positions   bitmap   one bit a value
 *               runs     the distance of each run of holes from the one before, and its length
 *               edges    as runs, of the bits that differ from the bit above
 *   words       palette  at most 16 different words, and an index of ⌈log2⌉ bits a hole: none if all words are equal
 *               repeats  each word once for as many holes as have it in a row
 *
 * proofs: Mask.mask_round_trip
 */
import { FrameError } from "../../error.js";
import type { Quantization } from "../bound.js";
import type { ByteReader, ByteWriter } from "../bytes.js";
import { rawValue } from "./quantize.js";

/** Bits 0 and 1 of the kind; the bits from 2 on are the size of the palette, or 0 for repeats. */
const bitmapKind = 0;
const runsKind = 1;
const edgesKind = 2;
/** The most words in a palette. */
const largestPalette = 16;

export interface Mask {
  /** 1 for a hole, for each value. */
  holes: Uint8Array;
  /** The words of the holes, in order. */
  words: Uint32Array;
}

/** Flips each bit whose bit above is set; `lag` values lie between the two. */
function edgesOf(bits: Uint8Array, lag: number): Uint8Array {
  return bits.map((bit, i) => (i >= lag ? bit ^ bits[i - lag]! : bit));
}

interface Run {
  gap: number;
  length: number;
}

function runsOf(bits: Uint8Array): Run[] {
  const runs: Run[] = [];
  let end = 0;
  for (let i = 0; i < bits.length; ) {
    if (bits[i] === 0) i++;
    else {
      const start = i;
      while (i < bits.length && bits[i] === 1) i++;
      runs.push({ gap: start - end, length: i - start });
      end = i;
    }
  }
  return runs;
}

const varintBytes = (value: number): number => (value < 128 ? 1 : value < 16384 ? 2 : 3);

/** The gap, with a lowest bit that says whether a length follows: most runs have length 1. */
const markOf = ({ gap, length }: Run): number => 2 * gap + Number(length > 1);

const runBytes = (runs: Run[]): number =>
  runs.reduce(
    (sum, run) => sum + varintBytes(markOf(run)) + (run.length > 1 ? varintBytes(run.length - 2) : 0),
    varintBytes(runs.length),
  );

interface Repeat {
  word: number;
  count: number;
}

function repeatsOf(words: Uint32Array): Repeat[] {
  const repeats: Repeat[] = [];
  for (const word of words) {
    const last = repeats.at(-1);
    if (last?.word === word) last.count++;
    else repeats.push({ word, count: 1 });
  }
  return repeats;
}

/** Bits of an index into a palette. */
const indexBits = (size: number): number => 32 - Math.clz32(size - 1);

/** The mask in bytes. Returns false, and writes nothing, if the holes have too many different words for one. */
export function writeMask(
  out: ByteWriter,
  { holes, words }: Mask,
  lag: number,
  mostRepeats: number,
): boolean {
  const repeats = repeatsOf(words);
  const palette = [...new Set(words)];
  const small = palette.length > 0 && palette.length <= largestPalette && 4 * palette.length <= words.length;
  const few = repeats.length <= mostRepeats;
  if (!small && !few) return false;
  const bits = indexBits(palette.length);
  const paletteBytes = 4 * palette.length + Math.ceil((bits * words.length) / 8);
  const repeatBytes = repeats.reduce(
    (sum, { count }) => sum + 4 + varintBytes(count - 1),
    varintBytes(repeats.length),
  );
  const indexed = small && (!few || paletteBytes <= repeatBytes);

  const runs = runsOf(holes);
  const edges = lag > 0 ? runsOf(edgesOf(holes, lag)) : null;
  const bitmapBytes = (holes.length + 7) >> 3;
  let kind = bitmapKind;
  let least = bitmapBytes;
  if (runBytes(runs) < least) {
    kind = runsKind;
    least = runBytes(runs);
  }
  if (edges !== null && runBytes(edges) < least) kind = edgesKind;

  out.u8(kind | (indexed ? palette.length << 2 : 0));
  if (kind === bitmapKind) {
    const bitmap = out.take(bitmapBytes).fill(0);
    holes.forEach((hole, i) => {
      bitmap[i >> 3]! |= hole << (i & 7);
    });
  } else {
    const written = kind === runsKind ? runs : edges!;
    out.varint(written.length);
    for (const run of written) {
      out.varint(markOf(run));
      if (run.length > 1) out.varint(run.length - 2);
    }
  }
  if (!indexed) {
    out.varint(repeats.length);
    for (const { word, count } of repeats) {
      out.varint(count - 1);
      out.u32(word);
    }
    return true;
  }
  for (const word of palette) out.u32(word);
  const indices = out.take(Math.ceil((bits * words.length) / 8)).fill(0);
  words.forEach((word, k) => {
    const index = palette.indexOf(word);
    for (let b = 0; b < bits; b++) {
      indices[(k * bits + b) >> 3]! |= ((index >> b) & 1) << ((k * bits + b) & 7);
    }
  });
  return true;
}

function fail(expected: string, got: string): never {
  const remedy = "encode the tensor again: these bytes are damaged";
  throw new FrameError({ where: "mask", expected, got, remedy });
}

function readHoles(input: ByteReader, kind: number, holes: Uint8Array, lag: number): void {
  const n = holes.length;
  if (kind === bitmapKind) {
    const bitmap = input.take((n + 7) >> 3, "mask");
    for (let i = 0; i < 8 * bitmap.length; i++) {
      const hole = (bitmap[i >> 3]! >> (i & 7)) & 1;
      if (i < n) holes[i] = hole;
      else if (hole === 1) fail("zeros after the last value", "a one");
    }
    return;
  }
  const count = input.varint("mask");
  let at = 0;
  for (let k = 0; k < count; k++) {
    const mark = input.varint("mask");
    const length = mark % 2 === 1 ? input.varint("mask") + 2 : 1;
    at += Math.floor(mark / 2);
    if (at + length > n) fail(`runs of ${n} values`, `one to ${at + length}`);
    holes.fill(1, at, at + length);
    at += length;
  }
  if (kind === edgesKind) for (let i = lag; i < n; i++) holes[i]! ^= holes[i - lag]!;
}

function readWords(input: ByteReader, palette: number, words: Uint32Array): void {
  if (palette === 0) {
    let at = 0;
    const count = input.varint("mask");
    for (let k = 0; k < count; k++) {
      const end = at + input.varint("mask") + 1;
      if (end > words.length) fail(`words of ${words.length} holes`, `${end}`);
      words.fill(input.u32("mask"), at, end);
      at = end;
    }
    if (at !== words.length) fail(`words of ${words.length} holes`, `${at}`);
    return;
  }
  const known = Array.from({ length: palette }, () => input.u32("mask"));
  const bits = indexBits(palette);
  const indices = input.take(Math.ceil((bits * words.length) / 8), "mask");
  for (let k = 0; k < words.length; k++) {
    let index = 0;
    for (let b = 0; b < bits; b++) {
      index |= ((indices[(k * bits + b) >> 3]! >> ((k * bits + b) & 7)) & 1) << b;
    }
    if (index >= palette) fail(`an index below ${palette}`, String(index));
    words[k] = known[index]!;
  }
}

/** Reads the mask of n values. The inverse of writeMask. */
export function readMask(input: ByteReader, n: number, lag: number): Mask {
  const byte = input.u8("mask");
  const kind = byte & 3;
  const palette = byte >> 2;
  if (kind > edgesKind || palette > largestPalette || (kind === edgesKind && lag === 0)) {
    fail("a kind that encoders write", `0x${byte.toString(16)}`);
  }
  const holes = new Uint8Array(n);
  readHoles(input, kind, holes, lag);
  const words = new Uint32Array(holes.reduce((sum, hole) => sum + hole, 0));
  readWords(input, palette, words);
  input.holes += words.length;
  return { holes, words };
}

/** Writes the words of the holes among the words of the values. */
export function placeHoles(values: Int32Array | Uint32Array, mask: Mask, quantization: Quantization): void {
  let next = 0;
  mask.holes.forEach((hole, i) => {
    if (hole === 1) values[i] = rawValue(mask.words[next++]!, quantization);
  });
}
