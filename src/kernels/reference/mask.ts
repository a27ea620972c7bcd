/**
 * Masks and small integers in the fewest whole bits.
 *
 *   bit      0       b       2b      3b
 *            | v0    | v1    | v2    | …        b = bits per item, little-endian across bytes
 */

const { fround } = Math;

export function packNonZero(mask: Uint8Array, x: Float32Array): void {
  mask.fill(0);
  for (let i = 0; i < x.length; i++) if (x[i]! !== 0) mask[i >> 3]! |= 1 << (i & 7);
}

export function applyMask(dx: Float32Array, dy: Float32Array, mask: Uint8Array, factor: number): void {
  const by = fround(factor);
  for (let i = 0; i < dx.length; i++) dx[i] = (mask[i >> 3]! >> (i & 7)) & 1 ? dy[i]! * by : 0;
}

/** A bijection of 32 bits in which changing one input bit changes about half of the output bits. */
export function mix(bits: number): number {
  let h = bits;
  h = Math.imul(h ^ (h >>> 16), 0x7feb352d);
  h = Math.imul(h ^ (h >>> 15), 0x846ca68b);
  return (h ^ (h >>> 16)) >>> 0;
}

/** Bit i is 0 (dropped) where mix(mix(seed) + i) < p·2³², with 0 ≤ p < 1. */
export function dropoutMask(mask: Uint8Array, n: number, p: number, seed: number): void {
  const threshold = Math.floor(p * 2 ** 32);
  const start = mix(seed);
  mask.fill(0);
  for (let i = 0; i < n; i++) if (mix((start + i) | 0) >= threshold) mask[i >> 3]! |= 1 << (i & 7);
}

export function packBits(packed: Uint8Array, values: Uint8Array, bits: number): void {
  packed.fill(0);
  for (let i = 0; i < values.length; i++) {
    const wide = (values[i]! & ((1 << bits) - 1)) << ((i * bits) & 7);
    const byte = Math.floor((i * bits) / 8);
    packed[byte]! |= wide & 0xff;
    if (wide > 0xff) packed[byte + 1]! |= wide >> 8;
  }
}

export function unpackBits(values: Uint8Array, packed: Uint8Array, bits: number): void {
  for (let i = 0; i < values.length; i++) {
    const byte = Math.floor((i * bits) / 8);
    const wide = packed[byte]! | ((packed[byte + 1] ?? 0) << 8);
    values[i] = (wide >> ((i * bits) & 7)) & ((1 << bits) - 1);
  }
}
