/**
 * Random float32 data of three kinds: values of a network, values after a ReLU, and all kinds of bit
 * patterns.
 */
import fc from "fast-check";

/** Bit patterns at which kernels have failed before. */
const special = new Uint32Array([
  0x00000000, // +0
  0x80000000, // −0
  0x00000001, // smallest subnormal
  0x807fffff, // largest subnormal, negative
  0x00800000, // smallest normal
  0x7f7fffff, // largest finite
  0x7f800000, // +∞
  0xff800000, // −∞
  0x7fc00000, // NaN
  0xffc12345, // NaN with a payload
  0x3f800000, // 1
  0x4b000001, // 2^23 + 1: no fraction left
]);

export type Taste = "plain" | "sparse" | "wild";

/**
 * A source of data that depends only on a seed, so that a failure shrinks in its shape and not in its values.
 */
export interface Data {
  taste: Taste;
  /** A whole number from 0 up to, but not including, `limit`. */
  below(limit: number): number;
  floats(n: number): Float32Array;
  bytes(n: number): Uint8Array;
}

/**
 * Random words from a counter and a mix. This is many times faster than an Rng, and the laws draw billions.
 */
function words(seed: number): () => number {
  let counter = seed;
  return () => {
    counter = (counter + 0x9e3779b9) | 0;
    let word = Math.imul(counter ^ (counter >>> 16), 0x21f0aaad);
    word = Math.imul(word ^ (word >>> 15), 0x735a2d97);
    return (word ^ (word >>> 15)) >>> 0;
  };
}

function floats(n: number, taste: Taste, next: () => number): Float32Array {
  const x = new Float32Array(n);
  const bits = new Uint32Array(x.buffer);
  for (let i = 0; i < n; i++) {
    // The low byte selects the kind of value, the other bytes the value.
    const word = next();
    const kind = word & 0xff;
    if (taste === "sparse" && kind < 128) bits[i] = kind < 64 ? 0 : 0x80000000;
    else if (taste === "wild" && kind < 64) bits[i] = special[(word >>> 8) % special.length]!;
    else x[i] = ((word >>> 8) * 2 ** -23 - 1) * (kind >= 230 ? 30 : 1);
  }
  return x;
}

export const data: fc.Arbitrary<Data> = fc
  .record({ seed: fc.integer(), taste: fc.constantFrom<Taste>("plain", "sparse", "wild") })
  .map(({ seed, taste }) => {
    const next = words(seed);
    return {
      taste,
      [fc.toStringMethod]: () => `${taste} data`,
      below: (limit) => next() % limit,
      floats: (n) => floats(n, taste, next),
      bytes: (n) => new Uint8Array(n).map(next),
    };
  });
