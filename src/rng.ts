/**
 * All random numbers of a run. There is one seed per run. Each use derives its own stream from the seed and a
 * name, so that adding a use does not change the numbers of another.
 */
import { uniformFloat32 } from "pure-rand/distribution/uniformFloat32";
import { uniformInt } from "pure-rand/distribution/uniformInt";
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";

/** The seed of the stream `name` under `seed`: FNV-1a of both as text, 32 bits. */
export function deriveSeed(seed: number, name: string): number {
  const text = `${seed | 0}/${name}`;
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash | 0;
}

export interface Rng {
  /** A float32 in [0, 1), a multiple of 2^-24. */
  uniform(): number;
  /** An integer in [low, high]. */
  integer(low: number, high: number): number;
  /** A permutation of 0 … n−1 (Fisher–Yates). */
  permutation(n: number): Uint32Array;
  /** A new stream that depends only on the seed and on `name`, not on the numbers drawn so far. */
  fork(name: string): Rng;
}

/** `seed` is an integer; only its low 32 bits are used. */
export function createRng(seed: number): Rng {
  const generator = xoroshiro128plus(seed | 0);
  const integer = (low: number, high: number) => uniformInt(generator, low, high);
  return {
    uniform: () => uniformFloat32(generator),
    integer,
    permutation(n) {
      const order = Uint32Array.from({ length: n }, (_, i) => i);
      for (let i = n - 1; i > 0; i--) {
        const j = integer(0, i);
        const held = order[i]!;
        order[i] = order[j]!;
        order[j] = held;
      }
      return order;
    },
    fork: (name) => createRng(deriveSeed(seed, name)),
  };
}
