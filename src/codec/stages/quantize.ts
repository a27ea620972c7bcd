/**
 * Maps values to integers and back. This reference takes one value at a time and applies Math.fround to each
 * result.
 *
 *   support   zero is 0; else m = ⌊|x|/step⌋ + 1 with x's sign, and back ±(m − ½)·step: zeros and signs are exact
 *   paper     q = round(x/step), and back q·step
 *   dithered  q = round(x/step + u), and back (q − u)·step, u uniform in (−½, ½) from a counter; 0 is for zeros only
 *   signed    as dithered, but q also has x's sign: it moves one away from zero, to x's side
 *
 * The encoder reconstructs each value with the decoder's own formula and keeps the raw bits of a value unless
 * fl(|x − x̂|) < bound. Rounding is monotone, so this implies |x − x̂| < bound in the reals.
 */
import { type Bin, keepsSigns, type Quantization } from "../bound.js";

const f32 = Math.fround;

/** Larger quotients stay raw: rounding by addition (`nearest`) works below 2^22 only. */
export const largestQuotient = 2 ** 22;

/**
 * Rounds half to even, for |x| < 2^22: adding 1.5·2^23 leaves no bits for a fraction.
 * proofs: Narrow.magic_nearest
 */
function nearest(x: number): number {
  return f32(f32(x + 12582912) - 12582912);
}

/**
 * A 32-bit bijection whose output bits look independent of its input (two multiply-xorshift rounds).
 * proofs: Dither.unmix_mix
 */
export function mix(word: number): number {
  let h = word;
  h = Math.imul(h ^ (h >>> 16), 0x7feb352d);
  h = Math.imul(h ^ (h >>> 15), 0x846ca68b);
  return (h ^ (h >>> 16)) >>> 0;
}

/**
 * The dither of element i: an odd multiple of 2^−24 in (−½, ½), symmetric about 0. `key` is mix(seed).
 * proofs: Dither.dither_exact, Dither.dither_uniform
 */
export function dither(key: number, i: number): number {
  const k = mix(Math.imul(i, 0x9e3779b9) + key) >>> 9;
  return f32(f32(k) * 2 ** -23 + (2 ** -24 - 0.5));
}

/** q clamped to ±½. For an integer q this is half a step with its sign, and 0 for 0. */
const half = (q: number): number => Math.max(-0.5, Math.min(0.5, q));

function sideOf(x: number, { quantizer, positive, negative }: Quantization): Bin {
  return x < 0 && keepsSigns(quantizer) ? negative : positive;
}

/** The integer of x, before any check against the bound; NaN if x has none. */
function integerAt(x: number, i: number, key: number, quantization: Quantization): number {
  const { inverse } = sideOf(x, quantization);
  if (quantization.quantizer === "support") {
    const quotient = f32(Math.abs(x) * inverse);
    if (!(quotient < largestQuotient)) return Number.NaN;
    const magnitude = x === 0 ? 0 : Math.floor(quotient) + 1;
    return x < 0 ? -magnitude : magnitude;
  }
  if (quantization.quantizer === "paper") {
    const quotient = f32(x * inverse);
    return Math.abs(quotient) < largestQuotient ? nearest(quotient) : Number.NaN;
  }
  if (x === 0) return 0;
  const quotient = f32(f32(x * inverse) + dither(key, i));
  if (!(Math.abs(quotient) < largestQuotient)) return Number.NaN;
  const q = nearest(quotient);
  // `signed` needs the sign of x, because the nearest integer may be 0 for either sign.
  if (quantization.quantizer === "signed") return x < 0 ? q - 1 : q + 1;
  return q < 0 ? q : q + 1;
}

/** The decoder's formula. It is defined for every 32-bit integer. */
function valueAt(integer: number, i: number, key: number, quantization: Quantization): number {
  const { step } = sideOf(integer, quantization);
  const q = f32(integer);
  if (quantization.quantizer === "support") return f32(f32(q - half(q)) * step);
  if (quantization.quantizer === "paper") return f32(q * step);
  if (integer === 0) return 0;
  const below = quantization.quantizer === "signed" ? integer + 1 : integer;
  return f32(f32(f32(integer > 0 ? integer - 1 : below) - dither(key, i)) * step);
}

/**
 * Writes the integers of x to q, with 0 for values that must stay raw, and returns the positions of those.
 * `first` is the index of x[0] in the whole tensor; the dither counts from there.
 * proofs: Quantize.code_sound, Quantize.round_trip, Quantize.support_mask, Quantize.signed_sign
 */
export function quantize(
  q: Int32Array,
  x: Float32Array,
  first: number,
  quantization: Quantization,
): number[] {
  const key = mix(quantization.seed);
  const escapes: number[] = [];
  for (let i = 0; i < x.length; i++) {
    const integer = integerAt(x[i]!, first + i, key, quantization);
    const error = Math.abs(f32(x[i]! - valueAt(integer, first + i, key, quantization)));
    const within = error < sideOf(x[i]!, quantization).bound;
    q[i] = within ? integer : 0;
    if (!within) escapes.push(i);
  }
  return escapes;
}

/** Larger floors stay raw, so that sums of eight of them fit in 16 bits. */
const largestFloor = 4095;

/**
 * Quantises for `paper` in half steps: f = ⌊2·x/step⌋. Both f and f + 1, times step/2, lie within the bound
 * of x, so the encoder may take whichever is an even number of half steps from the prediction. Returns NaN
 * where x stays raw. proofs: Narrow.halves_near
 */
export function floorOf(x: number, { inverse }: Bin): number {
  const floor = Math.floor(f32(x * (2 * inverse)));
  return Math.abs(floor) <= largestFloor ? floor : Number.NaN;
}

/** The quantization whose integers count half steps. */
export function halved(quantization: Quantization): Quantization {
  const { positive } = quantization;
  return { ...quantization, positive: { ...positive, step: positive.step / 2 } };
}

/** Writes the values of q to x; `first` as in quantize. proofs: Quantize.code_sound, Quantize.signed_mask */
export function dequantize(x: Float32Array, q: Int32Array, first: number, quantization: Quantization): void {
  const key = mix(quantization.seed);
  const least = quantization.rectified ? 0 : Number.NEGATIVE_INFINITY;
  for (let i = 0; i < x.length; i++) x[i] = valueAt(Math.max(q[i]!, least), first + i, key, quantization);
}

/** The decoded word of a value that was kept raw. */
export const rawValue = (word: number, { rectified }: Quantization): number =>
  rectified && isBelowZero(word) ? 0 : word;

/** True if the float32 with these bits is below zero; −0 and NaN are not. */
function isBelowZero(word: number): boolean {
  const bits = word >>> 0;
  return bits > 0x80000000 && bits <= 0xff800000;
}

/**
 * Maps float bits to integers in the same order: the magnitude bits of negative floats flip. It is its own
 * inverse, so all bits survive. proofs: Quantize.orderedBits_involutive
 */
export const orderedBits = (bits: number): number => bits ^ ((bits >> 31) & 0x7fffffff);
