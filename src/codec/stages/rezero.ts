/**
 * COMET, as recalled, sets decoded values within the bound of zero to zero. This restores the zeros of a ReLU
 * after a compressor that loses them. It exists for comparison and is off by default: x may differ from such
 * a value by another bound, so up to 2·bound in all. `support` keeps zeros without it.
 */
import type { Quantization } from "../bound.js";

/** In place: values with |x̂| ≤ bound become +0; the negative bound applies to values below zero. */
export function reZero(values: Float32Array, { quantizer, positive, negative }: Quantization): void {
  if (quantizer === "lossless") return;
  for (let i = 0; i < values.length; i++) {
    if (-negative.bound <= values[i]! && values[i]! <= positive.bound) values[i] = 0;
  }
}
