/**
 * Dense mode's segments in plain TypeScript: quantise, predict, model, code. assembly/codec/dense.ts does the
 * same row by row; docs/format.md describes the bytes.
 */
import { FrameError } from "../error.js";
import type { Quantization } from "./bound.js";
import { type ByteReader, ByteWriter } from "./bytes.js";
import type { Rows } from "./dense.js";
import { heightOf, type Layout, lanes, symbolsOf } from "./layout.js";
import { codedOf, contextOf, type Plan, symbolOf } from "./stages/model.js";
import { blockBytes, blockLength, pack, unpack } from "./stages/pack.js";
import { expect, inHalves, unzigzag, zigzag } from "./stages/predict.js";
import { dequantize, floorOf, halved, quantize, rawValue } from "./stages/quantize.js";
import { decoderOf, encodeSymbols, escapeSymbol, symbols, type Tables } from "./stages/rans.js";

/**
 * Limits of a segment: raw values, and symbols without a code. A tensor that exceeds one is stored in fast
 * mode.
 */
export const mostEscapes = 1024;
export const mostLarge = 4096;

interface Escape {
  /** Index in the whole tensor. */
  index: number;
  word: number;
}

/**
 * Folded residuals of `rows` rows of a strip from row y0 on, in coding order. Row y0 is predicted as if it
 * had no row above. Raw values are appended to `escapes` in coding order by rows and lanes.
 */
function residuals(
  x: Float32Array,
  layout: Layout,
  s: number,
  y0: number,
  rows: number,
  { predictor, gapless }: Plan,
  quantization: Quantization,
  escapes: Escape[],
): Uint16Array {
  const { width, length } = layout;
  const height = heightOf(layout, s);
  const words = new Uint32Array(x.buffer, x.byteOffset, x.length);
  const z = new Uint16Array(lanes * rows * width);
  const found: (Escape & { order: number })[] = [];
  for (let lane = 0; lane < lanes; lane++) {
    const first = (s * lanes * layout.height + lane * height + y0) * width;
    const values = x.subarray(Math.min(first, length), Math.min(first + rows * width, length));
    const q = new Int32Array(rows * width);
    const note = (i: number) => {
      const order = (Math.floor(i / width) * lanes + lane) * width + (i % width);
      found.push({ index: first + i, word: words[first + i]!, order });
      q[i] = 0;
    };
    if (inHalves(predictor)) {
      for (let i = 0; i < values.length; i++) {
        q[i] = floorOf(values[i]!, quantization.positive);
        if (Number.isNaN(floorOf(values[i]!, quantization.positive))) note(i);
      }
    } else {
      const raw = new Set(quantize(q.subarray(0, values.length), values, first, quantization));
      for (let i = 0; i < values.length; i++) {
        if (raw.has(i) || Math.abs(q[i]!) > 32767 || (gapless && q[i] === 0)) note(i);
        else if (gapless && q[i]! > 0) q[i]!--;
      }
    }
    for (let i = 0; i < q.length; i++) {
      const expected = expect(q, i, width, predictor);
      // In half steps both q and q + 1 are allowed. Take the one at an even distance, which is then halved.
      if (inHalves(predictor)) q[i]! += (q[i]! ^ expected) & 1;
      const r = ((q[i]! - expected) << 16) >> 16;
      z[i * lanes + lane] = zigzag(inHalves(predictor) ? r >> 1 : r, 16);
    }
  }
  escapes.push(...found.sort((a, b) => a.order - b.order));
  return z;
}

/**
 * Sum of the folded residuals z of some rows, or −1 where too many values of a strip stay raw. If `counts` is
 * given, it is filled with the counts [context][symbol].
 */
export function tally(
  counts: Uint32Array | null,
  x: Float32Array,
  layout: Layout,
  sample: Rows[],
  plan: Plan,
  quantization: Quantization,
): number {
  counts?.fill(0);
  let sum = 0;
  for (const { strip, y0, rows } of sample) {
    const escapes: Escape[] = [];
    const z = residuals(x, layout, strip, y0, rows, plan, quantization, escapes);
    if (escapes.length > mostEscapes) return -1;
    const coded = Uint8Array.from(z, (value) => Math.min(escapeSymbol, symbolOf(value, plan.low)));
    const step = lanes * layout.width;
    let above = new Uint8Array(step);
    for (let start = 0; start < coded.length; start += step) {
      const row = coded.subarray(start, start + step);
      // The first row counts only if it is the strip's first. Otherwise it only serves as the row above the
      // second.
      for (let i = 0; i < step && (start > 0 || y0 === 0); i++) {
        if (counts !== null) counts[contextOf(row, above, i, plan) * symbols + row[i]!]!++;
        sum += z[start + i]!;
      }
      above = row;
    }
  }
  return sum;
}

/**
 * Encodes `count` strips from `first` on; null where too many values stay raw. proofs: Dense.dense_round_trip
 */
export function encodeSegment(
  x: Float32Array,
  layout: Layout,
  first: number,
  count: number,
  plan: Plan,
  tables: Tables,
  quantization: Quantization,
): Uint8Array | null {
  const total = symbolsOf(layout, first, count);
  const coded = new Uint8Array(total);
  const context = new Uint8Array(total);
  const large: number[] = [];
  const lows: number[] = [];
  const escapes: Escape[] = [];
  const step = lanes * layout.width;
  let at = 0;
  for (let s = first; s < first + count; s++) {
    const z = residuals(x, layout, s, 0, heightOf(layout, s), plan, quantization, escapes);
    let above = new Uint8Array(step);
    for (let start = 0; start < z.length; start += step, at += step) {
      const row = coded.subarray(at, at + step);
      for (let i = 0; i < step; i++) {
        const value = z[start + i]!;
        const symbol = symbolOf(value, plan.low);
        const c = contextOf(row, above, i, plan);
        context[at + i] = c;
        row[i] = codedOf(symbol, tables.top[c]!);
        if (row[i] === escapeSymbol) large.push(symbol);
        if (value > 0) lows.push((value - 1) & ((1 << plan.low) - 1));
      }
      above = row;
    }
  }
  if (escapes.length > mostEscapes || large.length > mostLarge) return null;

  const { words, states } = encodeSymbols(coded, context, tables);
  const out = new ByteWriter(
    128 + 2 * words.length + 2 * large.length + 8 * escapes.length + 2 * lows.length,
  );
  out.varint(words.length);
  out.varint(large.length);
  out.varint(escapes.length);
  if (plan.low > 0) out.varint(lows.length);
  for (const word of words) out.u16(word);
  for (const state of states) out.u32(state);
  for (const symbol of large) out.u16(symbol);
  for (const { index, word } of escapes) {
    out.u32(index);
    out.u32(word);
  }
  for (let i = 0; plan.low > 0 && i < lows.length; i += blockLength) {
    const block = Uint32Array.from(lows.slice(i, i + blockLength));
    const start = out.at;
    out.take(blockBytes(plan.low, block.length));
    pack(out.bytes, start, block, plan.low);
  }
  return out.written();
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
  plan: Plan,
  tables: Tables,
  quantization: Quantization,
): void {
  const wordCount = input.varint("segment words");
  const largeCount = input.varint("segment large symbols");
  const escapeCount = input.varint("segment escape count");
  const lowCount = plan.low > 0 ? input.varint("segment low bits") : 0;
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
    unpack(block, input.take(blockBytes(plan.low, block.length), "segment low bits"), 0, plan.low);
  }

  const decoder = decoderOf(words, states, tables);
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
        row[i] = decoder.next(i8++, contextOf(row, above, i, plan));
        const symbol = row[i] === escapeSymbol ? (large[nextLarge++] ?? 0) : row[i]!;
        const low = symbol === 0 || plan.low === 0 ? 0 : (lows[nextLow++] ?? 0);
        const z = symbol === 0 ? 0 : (((symbol - 1) << plan.low) + low + 1) & 0xffff;
        const lane = q[i & 7]!;
        const place = y * layout.width + (i >> 3);
        const r = inHalves(plan.predictor) ? 2 * unzigzag(z) : unzigzag(z);
        lane[place] = ((expect(lane, place, layout.width, plan.predictor) + r) << 16) >> 16;
      }
      above = row;
    }
    for (let lane = 0; lane < lanes; lane++) {
      const start = (s * lanes * layout.height + lane * height) * layout.width;
      const values = x.subarray(Math.min(start, x.length), Math.min(start + height * layout.width, x.length));
      const integers = q[lane]!.subarray(0, values.length);
      if (plan.gapless) for (let i = 0; i < integers.length; i++) if (integers[i]! >= 0) integers[i]!++;
      dequantize(values, integers, start, inHalves(plan.predictor) ? halved(quantization) : quantization);
    }
  }
  if (nextLarge !== large.length) fail("segment large symbols", String(nextLarge), String(large.length));
  if (nextLow !== lows.length) fail("segment low bits", String(nextLow), String(lows.length));
  if (!decoder.finished()) fail("segment states", "the encoder's initial states", "other states");

  const from = first * lanes * layout.height * layout.width;
  const bits = new Uint32Array(x.buffer, x.byteOffset, x.length);
  for (const { index, word } of escapes) {
    if (index < from || index >= Math.min(from + total, x.length))
      fail("segment escapes", "an index within the segment", String(index));
    bits[index] = rawValue(word, quantization);
  }
}
