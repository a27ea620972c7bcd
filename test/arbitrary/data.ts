/** Float32 data by taste: what a network holds, what a ReLU leaves, and every kind of bit pattern. */
import fc from "fast-check";
import { createRng, type Rng } from "../../src/rng.js";

/** Bit patterns at which kernels have gone wrong before, by name. */
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

/** A source of data that depends on a seed only, so that a failure shrinks in its shape and not in its values. */
export interface Data {
  taste: Taste;
  rng: Rng;
  floats(n: number): Float32Array;
  /** From 0 to below `limit`. */
  bytes(n: number, limit?: number): Uint8Array;
}

function float(rng: Rng, taste: Taste): number {
  if (taste === "sparse" && rng.uniform() < 0.5) return rng.uniform() < 0.5 ? 0 : -0;
  if (taste === "wild" && rng.uniform() < 0.25) {
    const i = rng.integer(0, special.length - 1);
    return new Float32Array(special.buffer)[i]!;
  }
  return Math.fround(rng.uniform() * 2 - 1) * (rng.uniform() < 0.1 ? 30 : 1);
}

export const data: fc.Arbitrary<Data> = fc
  .record({ seed: fc.integer(), taste: fc.constantFrom<Taste>("plain", "sparse", "wild") })
  .map(({ seed, taste }) => {
    const rng = createRng(seed);
    return {
      taste,
      rng,
      [fc.toStringMethod]: () => `${taste} data`,
      floats: (n) => Float32Array.from({ length: n }, () => float(rng, taste)),
      bytes: (n, limit = 256) => Uint8Array.from({ length: n }, () => rng.integer(0, limit - 1)),
    };
  });
