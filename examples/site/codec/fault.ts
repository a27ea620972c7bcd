/**
 * Values that try to break the promise |x − x̂| < bound. Each kind puts eight values into the middle row of the plane, so
 * that the bench can show them before and after.
 */
import { bin } from "../../../src/codec/bound.js";
import { createRng } from "../../../src/rng.js";
import type { Choice, Plane } from "./measure.js";

export const faults = ["rezero", "nan", "huge", "halfway"] as const;
export type Fault = (typeof faults)[number];

/** A planted value before encoding and after decoding, with its 32 bits: a NaN is more than its value. */
export interface Planted {
  before: number;
  beforeBits: string;
  after: number;
  afterBits: string;
}

const hexAt = ({ buffer, byteOffset }: Float32Array, index: number): string =>
  new DataView(buffer, byteOffset)
    .getUint32(4 * index, true)
    .toString(16)
    .padStart(8, "0");

/** The planted values of x beside what they decoded to. */
export const compared = (x: Float32Array, decoded: Float32Array, indices: readonly number[]): Planted[] =>
  indices.map((index) => ({
    before: x[index]!,
    beforeBits: hexAt(x, index),
    after: decoded[index]!,
    afterBits: hexAt(decoded, index),
  }));

const count = 8;

/** The values to plant, under the choices that decide which values are hard. */
function valuesFor(fault: Fault, { bound, quantizer, seed }: Choice): number[] {
  const { step } = bin(Math.fround(bound));
  const indices = Array.from({ length: count }, (_, i) => i);
  if (fault === "nan") {
    const { NaN: nan, POSITIVE_INFINITY: infinity } = Number;
    return [nan, infinity, -infinity, nan, infinity, -infinity, nan, nan];
  }
  if (fault === "huge") return indices.map((i) => (i % 2 === 0 ? 3e38 : -3e38) * (1 - i / 100));
  // Bins meet at whole steps under support, and at odd halves of a step under paper.
  const shift = quantizer === "support" ? 1 : 0.5;
  if (fault === "halfway") return indices.map((i) => Math.fround((i + shift) * step));
  // Up to two bounds from zero: some of these decode to less than a bound, and re-zeroing takes them to 0.
  const rng = createRng(seed);
  return indices.map(() => Math.fround(bound * (1 + 0.9 * rng.uniform() ** 2)));
}

/** The tensor with the values of `choice.fault` in it, and where they are; the tensor itself without one. */
export function plant(
  tensor: Float32Array,
  { begin, height, width }: Plane,
  choice: Choice,
): { x: Float32Array; planted: number[] } {
  if (choice.fault === null) return { x: tensor, planted: [] };
  const x = tensor.slice();
  const row = begin + Math.floor(height / 2) * width;
  const from = row + Math.max(0, Math.floor((width - count) / 2));
  const values = valuesFor(choice.fault, choice).slice(0, x.length - from);
  x.set(values, from);
  // A NaN may carry a payload; it comes back as well.
  if (choice.fault === "nan") new Uint32Array(x.buffer)[from] = 0x7fc12345;
  return { x, planted: values.map((_, i) => from + i) };
}
