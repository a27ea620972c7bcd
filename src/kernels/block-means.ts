/**
 * The means of a plane's blocks, spread over the plane: row i takes the means of block row ⌊i·P/H⌋, columns alike. A mean
 * is a bfloat16, the upper 16 bits of a float32.
 */
import type { PoolShape } from "./pool.js";

export interface BlockMeanKernels {
  /** y = x − spread means. `means` are little-endian, planes·P·Q of two bytes. y may be x. */
  subtractMeans(y: Float32Array, x: Float32Array, means: Uint8Array, shape: PoolShape): void;
  /** y = x + spread means. y may be x. */
  addMeans(y: Float32Array, x: Float32Array, means: Uint8Array, shape: PoolShape): void;
}
