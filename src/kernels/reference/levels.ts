/**
 * Few bits a value, by levels that are given for each channel: base and step.
 *
 *   q = round((x − base)/step), clamped to [0, 2^b − 1],    x̂ = (q + middle)·step + base
 *
 * Codes of a plane lie one after the other and end with a whole byte.
 */
import { type ChannelShape, groupBytes } from "../kernels.js";
import { packBits, unpackBits } from "./mask.js";

const { fround } = Math;

/** Half to even, for 0 ≤ x < 2^22. */
const nearest = (x: number): number => fround(fround(x + 12582912) - 12582912);

export function quantizeLevels(
  packed: Uint8Array,
  x: Float32Array,
  levels: Float32Array,
  bits: Uint8Array,
  { N, C, size }: ChannelShape,
  rounding: "floor" | "nearest",
): void {
  const codes = new Uint8Array(size);
  let to = 0;
  for (let plane = 0; plane < N * C; plane++) {
    const c = plane % C;
    const [base, step] = [levels[2 * c]!, levels[2 * c + 1]!];
    const top = 2 ** bits[c]! - 1;
    for (let i = 0; i < size; i++) {
      const place = fround(fround(x[plane * size + i]! - base) / step);
      // A NaN becomes 0 as it is stored.
      codes[i] = nearest(Math.min(Math.max(rounding === "floor" ? Math.floor(place) : place, 0), top));
    }
    const bytes = groupBytes(size, bits[c]!);
    packBits(packed.subarray(to, to + bytes), codes, bits[c]!);
    to += bytes;
  }
}

export function dequantizeLevels(
  x: Float32Array,
  packed: Uint8Array,
  levels: Float32Array,
  bits: Uint8Array,
  { N, C, size }: ChannelShape,
  middle: number,
): void {
  const codes = new Uint8Array(size);
  let from = 0;
  for (let plane = 0; plane < N * C; plane++) {
    const c = plane % C;
    const [base, step] = [levels[2 * c]!, levels[2 * c + 1]!];
    const bytes = groupBytes(size, bits[c]!);
    unpackBits(codes, packed.subarray(from, from + bytes), bits[c]!);
    from += bytes;
    for (let i = 0; i < size; i++) {
      x[plane * size + i] = fround(fround(codes[i]! + fround(middle)) * step) + base;
    }
  }
}
