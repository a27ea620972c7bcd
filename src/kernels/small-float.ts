/**
 * Floating-point numbers of 8, 10 and 16 bits: sign, exponent and mantissa as in IEEE 754, with subnormal numbers, and
 * rounded to nearest, ties to even. A finite number beyond the largest one becomes that one.
 *
 *   fp8   1-4-3   up to 240        one in a byte
 *   fp10  1-5-4   up to 63 488     three in a word of 32 bits, the first in the lowest bits
 *   fp16  1-5-10  up to 65 504     one in two bytes
 *   bf16  1-8-7   up to 3.39e38    one in two bytes: the upper half of a float32
 *
 * In range, the error is at most 2^−(mantissa bits + 1) of the value; below the least normal number (2^−6, 2^−14, 2^−126), at most
 * half of the least number above 0.
 */
export interface SmallFloat {
  readonly exponent: number;
  readonly mantissa: number;
  /** Numbers in a word of 32 bits. */
  readonly perWord: number;
}

export const smallFloats = {
  fp8: { exponent: 4, mantissa: 3, perWord: 4 },
  fp10: { exponent: 5, mantissa: 4, perWord: 3 },
  fp16: { exponent: 5, mantissa: 10, perWord: 2 },
  bf16: { exponent: 8, mantissa: 7, perWord: 2 },
} as const satisfies Record<string, SmallFloat>;

export type SmallFloatName = keyof typeof smallFloats;

/** The bytes of n numbers, in whole words. */
export const smallFloatBytes = (n: number, name: SmallFloatName): number =>
  4 * Math.ceil(n / smallFloats[name].perWord);

export interface SmallFloatKernels {
  /** `packed` has `smallFloatBytes(x.length, name)` bytes; those behind the last number are 0. */
  narrowFloats(packed: Uint8Array, x: Float32Array, name: SmallFloatName): void;
  /** x = the numbers from index `first` on. `packed` holds all numbers, `count` of them. */
  widenFloats(
    x: Float32Array,
    packed: Uint8Array,
    name: SmallFloatName,
    range: { first: number; count: number },
  ): void;
}
