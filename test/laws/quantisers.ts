/** Laws of the stores that quantise: one tensor through a store, and short trainings under it. */
import { createEngine } from "../../src/engine/engine.js";
import type { SaveRequest } from "../../src/engine/packed.js";
import type { Store } from "../../src/engine/store.js";
import type { Engine } from "../../src/engine/tape.js";
import { Tensor } from "../../src/engine/tensor.js";
import { createRng } from "../../src/rng.js";
import { seed } from "../arbitrary/seed.js";

/** A request for values, as a convolution makes it. */
export const request = (op = "conv2d", name = "conv.x"): SaveRequest => ({
  site: { name, op, parameter: null },
  need: "value",
  share: 1,
  positive: false,
  derived: false,
});

export const engineOn = (kernels: "simd" | "reference" = "reference"): Engine =>
  createEngine({ memory: "64MiB", kernels });

/** What comes back of `values` through a store, and the bytes that the ledger counts as saved meanwhile. */
export function through(
  engine: Engine,
  store: Store,
  values: ArrayLike<number>,
  shape: readonly number[],
  requests: readonly SaveRequest[] = [request()],
): { decoded: Float32Array; bytes: number } {
  const x = Tensor.from(engine, values, shape);
  const packed = store.pack(x, requests, true);
  x.dispose();
  const y = packed.range(0, shape[0]!);
  const decoded = y.data.slice();
  y.dispose();
  packed.free();
  return { decoded, bytes: packed.bytes };
}

/**
 * How many standard errors the mean error of each of `draws` draws is away from 0: the largest over all values. `errors`
 * gives the errors of one draw. If the errors have mean 0, the number is above 6 for one of n values with a probability
 * below n·2·10^−9 (normal approximation).
 */
export function worstBias(draws: number, errors: (draw: number) => Float32Array): number {
  let sums: Float64Array | null = null;
  let squares: Float64Array | null = null;
  for (let draw = 0; draw < draws; draw++) {
    const found = errors(draw);
    sums ??= new Float64Array(found.length);
    squares ??= new Float64Array(found.length);
    found.forEach((error, i) => {
      sums![i]! += error;
      squares![i]! += error * error;
    });
  }
  let worst = 0;
  sums!.forEach((sum, i) => {
    const variance = (squares![i]! - (sum * sum) / draws) / (draws - 1);
    if (variance > 0) worst = Math.max(worst, Math.abs(sum / draws) / Math.sqrt(variance / draws));
  });
  return worst;
}

/** Normal numbers, after a ReLU or not. */
export function normals(n: number, name: string, { rectified = false, mean = 0 } = {}): Float32Array {
  const rng = createRng(seed).fork(name);
  return Float32Array.from({ length: n }, () => {
    let sum = mean;
    for (let i = 0; i < 12; i++) sum += rng.uniform() - 0.5;
    return rectified ? Math.max(0, sum) : sum;
  });
}
