/** Numbers of the device in a floating-point format: small, or as they are. */
import type { Kernels } from "../kernels/kernels.js";
import { type SmallFloatName, smallFloatBytes } from "../kernels/small-float.js";

/** How numbers are kept: small, or as they are. */
export type Format = Exclude<SmallFloatName, "bf16"> | "fp32";

/** The bytes of n numbers, in whole words. */
export const formatBytes = (n: number, format: Format): number =>
  format === "fp32" ? 4 * n : smallFloatBytes(n, format);

/** Writes all numbers. */
export function writeNumbers(kernels: Kernels, packed: Uint8Array, x: Float32Array, format: Format): void {
  if (format === "fp32") packed.set(new Uint8Array(x.buffer, x.byteOffset, x.byteLength));
  else kernels.narrowFloats(packed, x, format);
}

/** Reads the numbers from index `first` on, as many as x has room for, of all `count`. */
export function readNumbers(
  kernels: Kernels,
  x: Float32Array,
  packed: Uint8Array,
  format: Format,
  range: { first: number; count: number },
): void {
  if (format !== "fp32") kernels.widenFloats(x, packed, format, range);
  else
    new Uint8Array(x.buffer, x.byteOffset, x.byteLength).set(
      packed.subarray(4 * range.first, 4 * (range.first + x.length)),
    );
}
