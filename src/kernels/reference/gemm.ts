/** Matrix product: each element is one chain of products added in ascending k. */
import type { GemmShape } from "../kernels.js";

const { fround } = Math;

export function gemm(c: Float32Array, a: Float32Array, b: Float32Array, shape: GemmShape): void {
  const { m, n, k, transposeA, transposeB } = shape;
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      let sum = 0;
      for (let l = 0; l < k; l++) {
        const left = transposeA ? a[l * m + i]! : a[i * k + l]!;
        const right = transposeB ? b[j * k + l]! : b[l * n + j]!;
        sum = fround(sum + fround(left * right));
      }
      c[i * n + j] = sum;
    }
  }
}
