/** The codes of small floating-point numbers, and the values of codes. */
import type { SmallFloat } from "../small-float.js";

const float = new Float32Array(1);
const word = new Uint32Array(float.buffer);

/** The code of x. */
export function smallFloatOf(x: number, { exponent, mantissa }: SmallFloat): number {
  float[0] = x;
  const bits = word[0]!;
  const sign = (bits >>> 31) << (exponent + mantissa);
  const magnitude = bits & 0x7fffffff;
  const bias = (1 << (exponent - 1)) - 1;
  const special = ((1 << exponent) - 1) << mantissa;
  if (magnitude >>> 23 > 127 - bias && magnitude < 0x7f800000) {
    const dropped = 23 - mantissa;
    const half = (1 << (dropped - 1)) - 1 + ((magnitude >>> dropped) & 1);
    const rounded = ((magnitude + half) >>> dropped) - ((127 - bias) << mantissa);
    return sign | (rounded < special ? rounded : special - 1);
  }
  if (magnitude >= 0x7f800000) return sign | special | (magnitude > 0x7f800000 ? 1 : 0);
  word[0] = magnitude;
  // In units of the least number above 0; the addition leaves no bits for a fraction.
  const units = Math.fround(float[0]! * 2 ** (bias - 1 + mantissa));
  return sign | (Math.fround(units + 8388608) - 8388608);
}

/** The value of a code. */
export function numberOf(code: number, { exponent, mantissa }: SmallFloat): number {
  const bias = (1 << (exponent - 1)) - 1;
  const sign = (code >> (exponent + mantissa)) & 1 ? -1 : 1;
  const power = (code >> mantissa) & ((1 << exponent) - 1);
  const fraction = (code & ((1 << mantissa) - 1)) / (1 << mantissa);
  if (power === (1 << exponent) - 1) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (power === 0 ? fraction * 2 ** (1 - bias) : (1 + fraction) * 2 ** (power - bias));
}
