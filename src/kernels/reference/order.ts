/**
 * The order in which all long sums are taken.
 *
 *   block of 1024:  lane 0 … 15 of float32, element i goes to lane i mod 16
 *   fold:           lane j += lane j+8, then j+4, j+2, j+1            (float32)
 *   total:          blocks in ascending order                          (binary64)
 *
 * The lanes are sixteen independent chains, which SIMD can compute side by side. The chains are short, which
 * keeps the rounding error small, and adding the blocks in binary64 makes their number harmless.
 */

export const lanes = 16;
export const blockLength = 1024;

const { fround } = Math;

/** before + Σ term(i) for start ≤ i < end. Blocks are counted from `start`; every term must be a float32. */
export function orderedSum(start: number, end: number, term: (i: number) => number, before = 0): number {
  let total = before;
  const sums = new Float32Array(lanes);
  for (let block = start; block < end; block += blockLength) {
    sums.fill(0);
    const stop = Math.min(block + blockLength, end);
    for (let i = block; i < stop; i++) sums[(i - block) % lanes]! += term(i);
    for (let half = lanes / 2; half >= 1; half /= 2) {
      for (let j = 0; j < half; j++) sums[j] = fround(sums[j]! + sums[j + half]!);
    }
    total += sums[0]!;
  }
  return total;
}
