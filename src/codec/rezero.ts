/**
 * COMET, as recalled, sets decoded values within the bound of zero to zero, so that the zeros of a ReLU come back from a
 * compressor that loses them. It is here to be compared with, and off unless asked for: x may be another bound away from
 * such an x̂, so up to 2·bound from 0. `support` keeps zeros without it.
 */
import type { Quantization } from "./bound.js";

/** In place: x̂ with |x̂| ≤ bound becomes +0; the negative bound is that of values below zero. */
export function reZero(values: Float32Array, { quantizer, positive, negative }: Quantization): void {
  if (quantizer === "lossless") return;
  for (let i = 0; i < values.length; i++) {
    if (-negative.bound <= values[i]! && values[i]! <= positive.bound) values[i] = 0;
  }
}
