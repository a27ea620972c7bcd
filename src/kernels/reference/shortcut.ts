/**
 * The parameter-free shortcut of residual networks: it takes every stride-th row and column, and adds
 * channels of zeros.
 */
import type { DownsampleShape } from "../kernels.js";

/** Calls `visit` with the index in x and the index in y of each value that is copied. */
function pairs(s: DownsampleShape, visit: (x: number, y: number) => void): void {
  const before = Math.floor((s.K - s.C) / 2);
  for (let n = 0; n < s.N; n++) {
    for (let c = 0; c < s.C; c++) {
      const [from, to] = [(n * s.C + c) * s.H, (n * s.K + c + before) * s.P];
      for (let p = 0; p < s.P; p++) {
        for (let q = 0; q < s.Q; q++) {
          visit((from + p * s.stride) * s.W + q * s.stride, (to + p) * s.Q + q);
        }
      }
    }
  }
}

export function downsample(y: Float32Array, x: Float32Array, shape: DownsampleShape): void {
  y.fill(0);
  pairs(shape, (i, j) => {
    y[j] = x[i]!;
  });
}

export function downsampleBackward(dx: Float32Array, dy: Float32Array, shape: DownsampleShape): void {
  pairs(shape, (i, j) => {
    dx[i] = dx[i]! + dy[j]!;
  });
}
