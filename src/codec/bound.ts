/**
 * From the bound that a caller asks for to the numbers that the quantisers use. Everything here is binary32.
 *
 *   bound  the caller's number, rounded DOWN to float32, at most 2^126
 *   step   fl(bound · (2 − 2^−8)): the width of a bin, a little under 2·bound, so that rounding errors of values
 *          within 2^12 steps never leave the bound and ties never touch it
 *   inverse  fl(1 / step)
 */
import { BoundError, UsageError } from "../error.js";

export const quantizers = ["support", "paper", "dithered", "signed"] as const;

export type Quantizer = (typeof quantizers)[number];

/** Whose integers have the values' signs: so values below zero may have a bound of their own. */
export const keepsSigns = (quantizer: Quantization["quantizer"]): boolean =>
  quantizer === "support" || quantizer === "signed";

/** As a decoder uses it that is to leave 0 where values were below zero. Throws a UsageError where integers do not tell. */
export function rectifying(quantization: Quantization): Quantization {
  const { quantizer } = quantization;
  if (quantizer === "lossless" || keepsSigns(quantizer)) return { ...quantization, rectified: true };
  throw new UsageError({
    where: "decode rectified",
    expected: "a frame that keeps signs, of support or signed",
    got: quantizer,
    remedy: "decode without rectified, or encode with quantizer support or signed",
  });
}

/** As a decoder uses it that is to leave values as they are and, so many bytes behind each, rectified. */
export const twinned = (quantization: Quantization, twin: number): Quantization => ({
  ...rectifying(quantization),
  rectified: false,
  twin,
});

/** One side's numbers. */
export interface Bin {
  bound: number;
  step: number;
  inverse: number;
}

export interface Quantization {
  /** `lossless`: the bits themselves are coded; bins are not used. */
  quantizer: Quantizer | "lossless";
  /** For values ≥ 0, or for all where there is one bound. */
  positive: Bin;
  /** For values < 0; differs from `positive` in `support` and `signed` alone. */
  negative: Bin;
  /** Of the dither; 32 bits. */
  seed: number;
  /** On the way back: values below zero become 0. Only where integers tell signs: see `rectifying`. */
  rectified?: boolean;
  /** On the way back, in a WebAssembly memory: so many bytes behind each value, it goes rectified as well. */
  twin?: number;
}

const largestBound = 2 ** 126;
/** Below this, inverses come near overflow: such frames are lossless. */
export const smallestBound = 2 ** -120;

const words = new DataView(new ArrayBuffer(4));

/** The largest float32 that is ≤ x, for finite x > 0. proofs: Bound.bound_down_sound */
export function roundDown(x: number): number {
  words.setFloat32(0, x);
  if (words.getFloat32(0) > x) words.setUint32(0, words.getUint32(0) - 1);
  return words.getFloat32(0);
}

/** `bound`: a float32 between smallestBound and 2^126. proofs: Narrow.near_core */
export function bin(bound: number): Bin {
  const step = Math.fround(bound * (2 - 2 ** -8));
  return { bound, step, inverse: Math.fround(1 / step) };
}

/** The bound as the frame keeps it. Throws a BoundError unless it is finite and positive. */
export function checkedBound(bound: number, where: string): number {
  if (!(bound > 0 && bound < Infinity)) {
    throw new BoundError({
      where,
      expected: "a finite bound > 0",
      got: String(bound),
      remedy: "give the largest error you accept, for example 1e-3",
    });
  }
  return Math.min(roundDown(bound), largestBound);
}
