/**
 * Few bits a value, by groups: each group of values has a range of its own (group-range.ts), and a value becomes a code
 *
 *   q = nearest(max(0, (x − m)·S + u)),    x̂ = q/S + m
 *
 * with u uniform in (−½, ½) from a counter, or 0. With random u this is stochastic rounding: q is one of the two integers
 * beside (x − m)·S, and its mean is that number.
 */
import { dither, mix } from "../../codec/stages/quantize.js";
import { type GroupShape, groupBytes } from "../kernels.js";
import { rangeBytes, rangeOf, readRange, writeRange } from "./group-range.js";
import { packBits, unpackBits } from "./mask.js";

const { fround } = Math;

/** Half to even, for 0 ≤ x < 2^22. */
const nearest = (x: number): number => fround(fround(x + 12582912) - 12582912);

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);

export function quantizeGroups(
  packed: Uint8Array,
  ranges: Uint8Array,
  x: Float32Array,
  bits: Uint8Array,
  { rows, size, group, range: form }: GroupShape,
  seed: number | null,
): void {
  const key = mix(seed ?? 0);
  const codes = new Uint8Array(group);
  const view = viewOf(ranges);
  const perRow = Math.ceil(size / group);
  let to = 0;
  for (let unit = 0; unit < rows * perRow; unit++) {
    const row = Math.floor(unit / perRow);
    const first = (unit - row * perRow) * group;
    const values = x.subarray(row * size + first, row * size + Math.min(first + group, size));
    const padding = values.length < group ? [0] : [];
    const low = Math.min(...values, ...padding);
    const high = Math.max(...values, ...padding);
    const range = rangeOf(low, high, bits[row]!, form);
    writeRange(view, rangeBytes(form) * unit, range, form);
    const top = 2 ** bits[row]! - 1;
    for (let j = 0; j < group; j++) {
      const place = fround(fround((values[j] ?? 0) - range.least) * range.scale);
      const moved = fround(place + (seed === null ? 0 : dither(key, unit * group + j)));
      // A NaN becomes 0 as it is stored.
      codes[j] = nearest(Math.min(Math.max(moved, 0), top));
    }
    const bytes = groupBytes(group, bits[row]!);
    packBits(packed.subarray(to, to + bytes), codes, bits[row]!);
    to += bytes;
  }
}

export function dequantizeGroups(
  x: Float32Array,
  packed: Uint8Array,
  ranges: Uint8Array,
  bits: Uint8Array,
  { rows, size, group, range: form }: GroupShape,
): void {
  const codes = new Uint8Array(group);
  const view = viewOf(ranges);
  const perRow = Math.ceil(size / group);
  let from = 0;
  for (let unit = 0; unit < rows * perRow; unit++) {
    const row = Math.floor(unit / perRow);
    const first = (unit - row * perRow) * group;
    const { least, scale } = readRange(view, rangeBytes(form) * unit, form);
    const bytes = groupBytes(group, bits[row]!);
    unpackBits(codes, packed.subarray(from, from + bytes), bits[row]!);
    from += bytes;
    for (let j = 0; j < Math.min(group, size - first); j++) {
      x[row * size + first + j] = fround(codes[j]! / scale) + least;
    }
  }
}

export function groupSpans(energy: Float32Array, x: Float32Array, { rows, size, group }: GroupShape): void {
  for (let row = 0; row < rows; row++) {
    let sum = 0;
    for (let first = 0; first < size; first += group) {
      const values = x.subarray(row * size + first, row * size + Math.min(first + group, size));
      const padding = values.length < group ? [0] : [];
      const span = fround(Math.max(...values, ...padding) - Math.min(...values, ...padding));
      sum = fround(sum + fround(span * span));
    }
    energy[row] = sum;
  }
}
