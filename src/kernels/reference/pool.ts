/**
 * Pooling of each plane. Windows are visited in the order p, q, and the positions in a window in the order r,
 * s.
 */
import type { PoolShape } from "../kernels.js";

const { fround } = Math;

/**
 * Calls `visit(offset in the plane, r·S + s)` for the positions of window (p, q) that lie inside the plane.
 */
function window(shape: PoolShape, p: number, q: number, visit: (at: number, index: number) => void): void {
  const { H, W, R, S, stride, padding } = shape;
  for (let r = 0; r < R; r++) {
    const h = p * stride + r - padding;
    if (h < 0 || h >= H) continue;
    for (let s = 0; s < S; s++) {
      const w = q * stride + s - padding;
      if (w >= 0 && w < W) visit(h * W + w, r * S + s);
    }
  }
}

/** Calls `visit(plane's first element, output element, p, q)` for all windows. */
function windows(
  { planes, H, W, P, Q }: PoolShape,
  visit: (plane: number, output: number, p: number, q: number) => void,
): void {
  for (let i = 0; i < planes; i++) {
    for (let p = 0; p < P; p++) for (let q = 0; q < Q; q++) visit(i * H * W, (i * P + p) * Q + q, p, q);
  }
}

export function maxPool(y: Float32Array, index: Uint8Array, x: Float32Array, shape: PoolShape): void {
  windows(shape, (plane, output, p, q) => {
    let largest = Number.NEGATIVE_INFINITY;
    let found = -1;
    window(shape, p, q, (at, i) => {
      const value = x[plane + at]!;
      if (found < 0 || value > largest || (Number.isNaN(value) && !Number.isNaN(largest))) {
        largest = value;
        found = i;
      }
    });
    y[output] = largest;
    index[output] = found;
  });
}

export function maxPoolBackward(
  dx: Float32Array,
  dy: Float32Array,
  index: Uint8Array,
  shape: PoolShape,
): void {
  const { W, S, stride, padding } = shape;
  dx.fill(0);
  windows(shape, (plane, output, p, q) => {
    const h = p * stride + Math.floor(index[output]! / S) - padding;
    const w = q * stride + (index[output]! % S) - padding;
    dx[plane + h * W + w]! += dy[output]!;
  });
}

export function avgPool(y: Float32Array, x: Float32Array, shape: PoolShape): void {
  windows(shape, (plane, output, p, q) => {
    let sum = 0;
    window(shape, p, q, (at) => {
      sum = fround(sum + x[plane + at]!);
    });
    y[output] = sum / (shape.R * shape.S);
  });
}

export function avgPoolBackward(dx: Float32Array, dy: Float32Array, shape: PoolShape): void {
  dx.fill(0);
  windows(shape, (plane, output, p, q) => {
    const share = fround(dy[output]! / (shape.R * shape.S));
    window(shape, p, q, (at) => {
      dx[plane + at]! += share;
    });
  });
}
