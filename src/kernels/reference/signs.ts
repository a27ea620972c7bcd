/**
 * Signs that an error bound leaves open. Where y approximates x within `bound`, y has x's sign if |y| ≥ bound (or y = 0,
 * for approximations that keep zeros); each other element, in ascending order, has a bit: 1 for x < 0.
 *
 *   y         0.9   −0.2   0   0.1   −3          bound 0.5
 *   bits             1          0                 (x = 0.8  −0.3  0  0.4  −2.9)
 */

const { fround } = Math;

const open = (y: number, bound: number): boolean => Math.abs(y) < bound && y !== 0;

export function packSigns(bits: Uint8Array, x: Float32Array, y: Float32Array, bound: number): number {
  bits.fill(0);
  let n = 0;
  for (let i = 0; i < y.length; i++) {
    if (!open(y[i]!, bound)) continue;
    if (x[i]! < 0) bits[n >> 3]! |= 1 << (n & 7);
    n++;
  }
  return n;
}

export function applySigns(y: Float32Array, bits: Uint8Array, bound: number, factor: number): void {
  const by = fround(factor);
  let n = 0;
  for (let i = 0; i < y.length; i++) {
    let negative = y[i]! < 0;
    if (open(y[i]!, bound)) {
      negative = ((bits[n >> 3]! >> (n & 7)) & 1) === 1;
      n++;
    }
    if (negative) y[i] = by === 0 ? 0 : y[i]! * by;
  }
}
