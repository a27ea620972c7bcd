/**
 * The one order in which long sums are taken.
 *
 *   block of 1024:  lane 0 … 15 of float32, element i goes to lane i mod 16
 *   fold:           lane j += lane j+8, then j+4, j+2, j+1            (float32)
 *   total:          blocks in ascending order                          (binary64)
 *
 * Lanes give the processor sixteen independent chains, short chains keep the rounding error small, and binary64
 * makes the number of blocks harmless.
 */

export const lanes = 16;
export const blockLength = 1024;

const { fround } = Math;

/** Σ term(i) for start ≤ i < end. Blocks count from `start`; every term must be a float32. */
export function orderedSum(start: number, end: number, term: (i: number) => number): number {
  let total = 0;
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
