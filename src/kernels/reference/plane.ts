/** One factor per plane, as squeeze-and-excitation and stochastic depth multiply by, and its gradient. */
import type { PlaneShape } from "../kernels.js";
import { orderedSum } from "./order.js";

const { fround } = Math;

export function scalePlanes(
  y: Float32Array,
  x: Float32Array,
  factors: Float32Array,
  shape: PlaneShape,
): void {
  const { planes, size } = shape;
  for (let p = 0; p < planes; p++) {
    for (let i = p * size; i < (p + 1) * size; i++) y[i] = x[i]! * factors[p]!;
  }
}

export function dotPlanes(dots: Float32Array, a: Float32Array, b: Float32Array, shape: PlaneShape): void {
  const { planes, size } = shape;
  for (let p = 0; p < planes; p++) {
    dots[p] = orderedSum(p * size, (p + 1) * size, (i) => fround(a[i]! * b[i]!));
  }
}
