/**
 * Dense mode's segments in plain TypeScript: quantise, predict, model, code. assembly/codec/dense.ts does the
 * same row by row; docs/format.md describes the bytes.
 */
import { FrameError } from "../../error.js";
import type { Quantization } from "../bound.js";
import { type ByteReader, ByteWriter } from "../bytes.js";
import { refillRow } from "../stages/bridge.js";
import { type Mask, placeHoles, readMask, writeMask } from "../stages/mask.js";
import { blockBytes, blockLength, pack, unpack } from "../stages/pack.js";
import { apart, expect, inHalves, unzigzag, zerosApart, zigzag } from "../stages/predict.js";
import { dequantize, floorOf, halved, quantize, rawValue } from "../stages/quantize.js";
import { decoderOf, encodeSymbols, escapeSymbol, noContext, symbols, type Tables } from "../stages/rans.js";
import type { Rows } from "./choice.js";
import { heightOf, type Layout, lanes, symbolsOf, valuesOf } from "./layout.js";
import { codedOf, contextOf, type DenseModel, firstDivided, symbolOf } from "./model.js";

/**
 * Limits of a segment: listed raw values or repeats in a mask, and symbols without a code. A tensor that exceeds one is
 * stored in fast mode.
 */
export const mostEscapes = 1024;
export const mostLarge = 4096;
/** A segment has a mask in place of a list of raw values if more than one symbol in this many stays raw. */
const leastHoles = 1024;
/** In place of the number of listed raw values: a mask follows. */
const maskMark = mostEscapes + 1;

/** The largest integer; with zeros apart, a folded residual must leave room for one more. */
export const largestOf = (predictor: number): number => (zerosApart(predictor) ? 16383 : 32767);

interface Escape {
  /** Index in the whole tensor. */
  index: number;
  word: number;
}

/** The rows of a strip in coding order. */
interface Folded {
  /** Folded residuals. */
  z: Uint16Array;
  /** 1 for a hole, which has no residual. */
  holes: Uint8Array;
}

/** Which raw values are holes, so that predictors bridge them; the others count as the integer 0. */
type Holes = "none" | "unfit" | "all";

/**
 * Folds `rows` rows of a strip from row y0 on. Row y0 is predicted as if it had no row above. Raw values are appended to
 * `escapes` in coding order by rows and lanes. With "unfit", zeros that a gapless model leaves out are no holes.
 */
function foldRows(
  x: Float32Array,
  layout: Layout,
  s: number,
  y0: number,
  rows: number,
  { predictor, gapless }: DenseModel,
  quantization: Quantization,
  bridged: Holes,
  escapes: Escape[],
): Folded {
  const { width, length } = layout;
  const height = heightOf(layout, s);
  const words = new Uint32Array(x.buffer, x.byteOffset, x.length);
  const z = new Uint16Array(lanes * rows * width);
  const holes = new Uint8Array(z.length);
  const found: (Escape & { order: number })[] = [];
  const largest = largestOf(predictor);
  for (let lane = 0; lane < lanes; lane++) {
    const first = (s * lanes * layout.height + lane * height + y0) * width;
    const values = x.subarray(Math.min(first, length), Math.min(first + rows * width, length));
    const q = new Int32Array(rows * width);
    const note = (i: number, which: "unfit" | "zero") => {
      const order = (Math.floor(i / width) * lanes + lane) * width + (i % width);
      found.push({ index: first + i, word: words[first + i]!, order });
      holes[i * lanes + lane] = Number(bridged === "all" || bridged === which);
      q[i] = 0;
    };
    if (inHalves(predictor)) {
      for (let i = 0; i < values.length; i++) {
        q[i] = floorOf(values[i]!, quantization.positive);
        if (Number.isNaN(floorOf(values[i]!, quantization.positive))) note(i, "unfit");
      }
    } else {
      const raw = new Set(quantize(q.subarray(0, values.length), values, first, quantization));
      for (let i = 0; i < values.length; i++) {
        if (raw.has(i) || Math.abs(q[i]!) > largest) note(i, "unfit");
        else if (gapless && q[i] === 0) note(i, "zero");
        else if (gapless && q[i]! > 0) q[i]!--;
      }
    }
    for (let i = 0; i < q.length; i++) {
      const expected = expect(q, i, width, predictor);
      if (holes[i * lanes + lane] === 1) q[i] = expected;
      // In half steps both q and q + 1 are allowed. Take the one at an even distance, which is then halved.
      else if (inHalves(predictor)) q[i]! += (q[i]! ^ expected) & 1;
      const r = ((q[i]! - expected) << 16) >> 16;
      const folded = zigzag(inHalves(predictor) ? r >> 1 : r, 16);
      z[i * lanes + lane] = zerosApart(predictor) ? apart(folded, q[i]!) : folded;
      if ((i + 1) % width === 0) {
        refillRow(q, i + 1 - width, width, (k) => holes[k * lanes + lane] === 1);
      }
    }
  }
  escapes.push(...found.sort((a, b) => a.order - b.order));
  return { z, holes };
}

/** How often a word differs from the one before. */
const changesOf = (escapes: Escape[]): number =>
  escapes.filter(({ word }, k) => k === 0 || word !== escapes[k - 1]!.word).length;

/** For contexts, a hole has the symbol of its left neighbour. */
const bridgedSymbol = (row: Uint8Array, i: number): number => (i >= lanes ? row[i - lanes]! : 0);

/**
 * Sum of the folded residuals z of some rows, or −1 where too many different values of a strip stay raw. If
 * `counts` is given, it is filled with the counts [context][symbol].
 */
export function tally(
  counts: Uint32Array | null,
  x: Float32Array,
  layout: Layout,
  sample: Rows[],
  model: DenseModel,
  quantization: Quantization,
): number {
  counts?.fill(0);
  let sum = 0;
  for (const { strip, y0, rows } of sample) {
    const escapes: Escape[] = [];
    const { z, holes } = foldRows(x, layout, strip, y0, rows, model, quantization, "unfit", escapes);
    if (changesOf(escapes) > mostEscapes) return -1;
    const step = lanes * layout.width;
    let above = new Uint8Array(step);
    for (let start = 0; start < z.length; start += step) {
      const row = new Uint8Array(step);
      // The first row counts only if it is the strip's first. Otherwise it only serves as the row above the
      // second.
      const within = start > 0 || y0 === 0;
      for (let i = 0; i < step; i++) {
        const hole = holes[start + i] === 1;
        row[i] = hole
          ? bridgedSymbol(row, i)
          : Math.min(escapeSymbol, symbolOf(z[start + i]!, model.low, firstDivided(model.predictor)));
        if (!within || hole) continue;
        if (counts !== null) counts[contextOf(row, above, i, model) * symbols + row[i]!]!++;
        sum += z[start + i]!;
      }
      above = row;
    }
  }
  return sum;
}

/** The holes of the values from `first` on, with their words, in the tensor's order. */
function maskOf(escapes: Escape[], first: number, length: number): Mask {
  const holes = new Uint8Array(length);
  for (const { index } of escapes) holes[index - first] = 1;
  const inOrder = [...escapes].sort((a, b) => a.index - b.index);
  return { holes, words: Uint32Array.from(inOrder, ({ word }) => word) };
}

export interface EncodedSegment {
  bytes: Uint8Array;
  masked: boolean;
}

/**
 * Encodes `count` strips from `first` on; null where too many different values stay raw. proofs: Dense.dense_round_trip
 */
export function encodeSegment(
  x: Float32Array,
  layout: Layout,
  first: number,
  count: number,
  model: DenseModel,
  tables: Tables,
  quantization: Quantization,
): EncodedSegment | null {
  const args = [x, layout, first, count, model, tables, quantization] as const;
  const listed = encodeWith(...args, false);
  return listed === "masked" ? (encodeWith(...args, true) as EncodedSegment | null) : listed;
}

function encodeWith(
  x: Float32Array,
  layout: Layout,
  first: number,
  count: number,
  model: DenseModel,
  tables: Tables,
  quantization: Quantization,
  masked: boolean,
): EncodedSegment | "masked" | null {
  const total = symbolsOf(layout, first, count);
  const divided = firstDivided(model.predictor);
  const coded = new Uint8Array(total);
  const context = new Uint8Array(total);
  const large: number[] = [];
  const lows: number[] = [];
  const escapes: Escape[] = [];
  const step = lanes * layout.width;
  let at = 0;
  for (let s = first; s < first + count; s++) {
    const bridged = masked ? "all" : "none";
    const { z, holes } = foldRows(
      x,
      layout,
      s,
      0,
      heightOf(layout, s),
      model,
      quantization,
      bridged,
      escapes,
    );
    let above = new Uint8Array(step);
    for (let start = 0; start < z.length; start += step, at += step) {
      const row = coded.subarray(at, at + step);
      for (let i = 0; i < step; i++) {
        if (holes[start + i] === 1) {
          context[at + i] = noContext;
          row[i] = bridgedSymbol(row, i);
          continue;
        }
        const value = z[start + i]!;
        const symbol = symbolOf(value, model.low, divided);
        const c = contextOf(row, above, i, model);
        context[at + i] = c;
        row[i] = codedOf(symbol, tables.top[c]!);
        if (row[i] === escapeSymbol) large.push(symbol);
        if (value >= divided) lows.push((value - divided) & ((1 << model.low) - 1));
      }
      above = row;
    }
  }
  if (!masked && escapes.length * leastHoles > total) return "masked";
  if (large.length > mostLarge) return null;
  const [start, length] = valuesOf(layout, first, count);
  const mask = new ByteWriter(64 + length + 8 * mostEscapes);
  if (masked && !writeMask(mask, maskOf(escapes, start, length), layout.width, mostEscapes)) return null;

  const { words, states } = encodeSymbols(coded, context, tables);
  const out = new ByteWriter(
    128 + 2 * words.length + 2 * large.length + 8 * mostEscapes + mask.at + 2 * lows.length,
  );
  out.varint(words.length);
  out.varint(large.length);
  out.varint(masked ? maskMark : escapes.length);
  if (model.low > 0) out.varint(lows.length);
  for (const word of words) out.u16(word);
  for (const state of states) out.u32(state);
  for (const symbol of large) out.u16(symbol);
  for (const { index, word } of masked ? [] : escapes) {
    out.u32(index);
    out.u32(word);
  }
  for (let i = 0; model.low > 0 && i < lows.length; i += blockLength) {
    const block = Uint32Array.from(lows.slice(i, i + blockLength));
    const block0 = out.at;
    out.take(blockBytes(model.low, block.length));
    pack(out.bytes, block0, block, model.low);
  }
  if (masked) out.take(mask.at).set(mask.written());
  return { bytes: out.written(), masked };
}

function fail(where: string, expected: string, got: string): never {
  throw new FrameError({ where, expected, got, remedy: "encode the tensor again: these bytes are damaged" });
}

/** Decodes the values of `count` strips from `first` on into x. The inverse of encodeSegment. */
export function decodeSegment(
  x: Float32Array,
  input: ByteReader,
  layout: Layout,
  first: number,
  count: number,
  model: DenseModel,
  tables: Tables,
  quantization: Quantization,
): void {
  const wordCount = input.varint("segment words");
  const largeCount = input.varint("segment large symbols");
  const listed = input.varint("segment escape count");
  const masked = quantization.second === true && listed === maskMark;
  const escapeCount = masked ? 0 : listed;
  const lowCount = model.low > 0 ? input.varint("segment low bits") : 0;
  const total = symbolsOf(layout, first, count);
  if (wordCount > total) fail("segment words", `at most ${total}`, String(wordCount));
  if (largeCount > mostLarge) fail("segment large symbols", `at most ${mostLarge}`, String(largeCount));
  if (escapeCount > mostEscapes) fail("segment escapes", `at most ${mostEscapes}`, String(escapeCount));
  if (lowCount > total) fail("segment low bits", `at most ${total}`, String(lowCount));
  const wordBytes = input.take(2 * wordCount, "segment words");
  const words = Uint16Array.from(
    { length: wordCount },
    (_, i) => wordBytes[2 * i]! | (wordBytes[2 * i + 1]! << 8),
  );
  const states = Uint32Array.from({ length: lanes }, () => input.u32("segment states"));
  const large = Array.from({ length: largeCount }, () => input.u16("segment large symbols"));
  const escapes = Array.from({ length: escapeCount }, () => ({
    index: input.u32("segment escapes"),
    word: input.u32("segment escapes"),
  }));
  const lows = new Uint32Array(lowCount);
  for (let i = 0; i < lowCount; i += blockLength) {
    const block = lows.subarray(i, i + blockLength);
    unpack(block, input.take(blockBytes(model.low, block.length), "segment low bits"), 0, model.low);
  }
  const [from, length] = valuesOf(layout, first, count);
  const mask = masked ? readMask(input, length, layout.width) : null;

  const decoder = decoderOf(words, states, tables);
  const divided = firstDivided(model.predictor);
  const step = lanes * layout.width;
  let nextLarge = 0;
  let nextLow = 0;
  let i8 = 0;
  for (let s = first; s < first + count; s++) {
    const height = heightOf(layout, s);
    const q = Array.from({ length: lanes }, () => new Int32Array(height * layout.width));
    let above = new Uint8Array(step);
    for (let y = 0; y < height; y++) {
      const row = new Uint8Array(step);
      for (let i = 0; i < step; i++) {
        const lane = q[i & 7]!;
        const place = y * layout.width + (i >> 3);
        const index = (s * lanes * layout.height + (i & 7) * height) * layout.width + place;
        if (mask?.holes[index - from] === 1) {
          i8++;
          row[i] = bridgedSymbol(row, i);
          lane[place] = expect(lane, place, layout.width, model.predictor);
          continue;
        }
        row[i] = decoder.next(i8++, contextOf(row, above, i, model));
        const symbol = row[i] === escapeSymbol ? (large[nextLarge++] ?? 0) : row[i]!;
        const low = symbol < divided || model.low === 0 ? 0 : (lows[nextLow++] ?? 0);
        let z = symbol < divided ? symbol : (((symbol - divided) << model.low) + low + divided) & 0xffff;
        if (zerosApart(model.predictor)) {
          if (z === 1) {
            lane[place] = 0;
            continue;
          }
          z = Math.max(0, z - 1);
        }
        const r = inHalves(model.predictor) ? 2 * unzigzag(z) : unzigzag(z);
        lane[place] = ((expect(lane, place, layout.width, model.predictor) + r) << 16) >> 16;
      }
      for (let lane = 0; lane < lanes && mask !== null; lane++) {
        const base = (s * lanes * layout.height + lane * height) * layout.width - from;
        refillRow(q[lane]!, y * layout.width, layout.width, (k) => mask.holes[base + k] === 1);
      }
      above = row;
    }
    for (let lane = 0; lane < lanes; lane++) {
      const start = (s * lanes * layout.height + lane * height) * layout.width;
      const values = x.subarray(Math.min(start, x.length), Math.min(start + height * layout.width, x.length));
      const integers = q[lane]!.subarray(0, values.length);
      if (model.gapless) for (let i = 0; i < integers.length; i++) if (integers[i]! >= 0) integers[i]!++;
      dequantize(values, integers, start, inHalves(model.predictor) ? halved(quantization) : quantization);
    }
  }
  if (nextLarge !== large.length) fail("segment large symbols", String(nextLarge), String(large.length));
  if (nextLow !== lows.length) fail("segment low bits", String(nextLow), String(lows.length));
  if (!decoder.finished()) fail("segment states", "the encoder's initial states", "other states");

  const bits = new Uint32Array(x.buffer, x.byteOffset, x.length);
  if (mask !== null) placeHoles(bits.subarray(from, from + length), mask, quantization);
  for (const { index, word } of escapes) {
    if (index < from || index >= from + length)
      fail("segment escapes", "an index within the segment", String(index));
    bits[index] = rawValue(word, quantization);
  }
}
