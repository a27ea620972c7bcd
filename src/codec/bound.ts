/**
 * Turns the bound that a caller asks for into the numbers that the quantisers use. All arithmetic is
 * binary32.
 *
 *   bound    the caller's number, rounded DOWN to float32, at most 2^126
 *   step     fl(bound · (2 − 2^−8)): the width of a bin. It is a little under 2·bound, so that rounding errors of
 *            values within 2^12 steps stay inside the bound and ties never touch it
 *   inverse  fl(1 / step)
 */
import { BoundError, UsageError } from "../error.js";
import { described } from "./arguments.js";

export const quantizers = ["support", "paper", "dithered", "signed"] as const;

export type Quantizer = (typeof quantizers)[number];

/** True if an integer has the sign of its value, so that negative values may have a bound of their own. */
export const keepsSigns = (quantizer: Quantization["quantizer"]): boolean =>
  quantizer === "support" || quantizer === "signed";

/**
 * The quantization for a decoder that returns 0 for every negative value. Throws a UsageError if the integers
 * of this quantizer do not carry the sign.
 */
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

/**
 * The quantization for a decoder that writes each value unchanged and, `twin` bytes further on, a rectified
 * copy.
 */
export const twinned = (quantization: Quantization, twin: number): Quantization => ({
  ...rectifying(quantization),
  rectified: false,
  twin,
});

/** The numbers of one side (positive or negative values). */
export interface Bin {
  bound: number;
  step: number;
  inverse: number;
}

export interface Quantization {
  /** With `lossless` the bits themselves are coded and the bins are not used. */
  quantizer: Quantizer | "lossless";
  /** For values ≥ 0, or for all values where there is one bound. */
  positive: Bin;
  /** For values < 0. Only `support` and `signed` may have one that differs from `positive`. */
  negative: Bin;
  /** Seed of the dither, 32 bits. */
  seed: number;
  /** The frame has version 2: decoders accept masks and predictor 7. */
  second?: boolean;
  /** Decoding returns 0 for values below zero. Only for quantisers that keep signs: see `rectifying`. */
  rectified?: boolean;
  /** Decoding in a WebAssembly memory also writes a rectified copy of each value this many bytes after it. */
  twin?: number;
}

const largestBound = 2 ** 126;
/** For smaller bounds the inverse comes close to overflow, so such frames are lossless. */
export const smallestBound = 2 ** -120;

const words = new DataView(new ArrayBuffer(4));

/** The largest float32 that is ≤ x, for finite x > 0. proofs: Bound.bound_down_sound */
export function roundDown(x: number): number {
  words.setFloat32(0, x);
  if (words.getFloat32(0) > x) words.setUint32(0, words.getUint32(0) - 1);
  return words.getFloat32(0);
}

/** The bin of a float32 bound between smallestBound and 2^126. proofs: Narrow.near_core */
export function bin(bound: number): Bin {
  const step = Math.fround(bound * (2 - 2 ** -8));
  return { bound, step, inverse: Math.fround(1 / step) };
}

/**
 * Rounds the bound to the value stored in the frame. Throws a BoundError unless it is finite and positive.
 */
export function checkedBound(bound: number, where: string): number {
  if (typeof bound !== "number" || !(bound > 0 && bound < Infinity)) {
    throw new BoundError({
      where,
      expected: "a finite bound > 0",
      got: described(bound),
      remedy: "give the largest error you accept, for example 1e-3",
    });
  }
  return Math.min(roundDown(bound), largestBound);
}
