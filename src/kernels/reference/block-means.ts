/** Means of blocks spread over planes: see src/kernels/block-means.ts. */
import type { PoolShape } from "../pool.js";
import { widened } from "./group-range.js";

/** Calls `see` with the index and the mean of each value. */
function spread(
  means: Uint8Array,
  { planes, H, W, P, Q }: PoolShape,
  see: (i: number, mean: number) => void,
): void {
  const view = new DataView(means.buffer, means.byteOffset, means.length);
  for (let plane = 0, i = 0; plane < planes; plane++) {
    for (let row = 0; row < H; row++) {
      const from = (plane * P + Math.floor((row * P) / H)) * Q;
      for (let column = 0; column < W; column++, i++) {
        see(i, widened(view.getUint16(2 * (from + Math.floor((column * Q) / W)), true)));
      }
    }
  }
}

export function subtractMeans(y: Float32Array, x: Float32Array, means: Uint8Array, shape: PoolShape): void {
  spread(means, shape, (i, mean) => {
    y[i] = x[i]! - mean;
  });
}

export function addMeans(y: Float32Array, x: Float32Array, means: Uint8Array, shape: PoolShape): void {
  spread(means, shape, (i, mean) => {
    y[i] = x[i]! + mean;
  });
}
