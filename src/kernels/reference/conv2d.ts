/**
 * Convolution: the output and both gradients are sums of the same products x · w · dy.
 *
 *   y[n,k,p,q]  = bias[k] + Σ_{c,r,s} x[n,c, p·stride+r−padding, q·stride+s−padding] · w[k,c,r,s]
 *   dx[n,c,h,w] = Σ_{k,r,s} dy[n,k, (h+padding−r)/stride, (w+padding−s)/stride] · w[k,c,r,s]   where both divide
 *   dw[k,c,r,s] = Σ_{n,p,q} dy[n,k,p,q] · x[n,c, p·stride+r−padding, q·stride+s−padding]
 *
 * Each output is one chain in the order of its indices. Values outside x or dy are 0, and their products are
 * added like any other: an infinite weight gives ∞ · 0 = NaN. c and k run inside the group of the output.
 * Large 3×3 convolutions are summed differently: see winograd.ts.
 */
import type { Conv2dShape } from "../kernels.js";
import { orderedSum } from "./order.js";
import { suitsWeightWinograd, winograd, winogradSide, winogradWeightGradient } from "./winograd.js";

const { fround } = Math;

/** Element (row, column) of a plane; 0 outside the plane. */
function at(
  x: Float32Array,
  plane: number,
  rows: number,
  columns: number,
  row: number,
  column: number,
): number {
  const inside = row >= 0 && row < rows && column >= 0 && column < columns;
  return inside ? x[(plane * rows + row) * columns + column]! : 0;
}

export function conv2dForward(
  y: Float32Array,
  x: Float32Array,
  w: Float32Array,
  bias: Float32Array | null,
  shape: Conv2dShape,
): void {
  const { N, C, H, W, K, R, S, P, Q, stride, padding, groups } = shape;
  const groupC = C / groups;
  const groupK = K / groups;
  const sliding = { images: N, groups, inputs: groupC, outputs: groupK, H, W, margin: padding, P, Q };
  const side = winogradSide(shape, sliding);
  if (side !== 0) {
    const weight = (g: number, k: number, c: number, r: number, s: number) =>
      w[(((g * groupK + k) * groupC + c) * R + r) * S + s]!;
    winograd(y, x, weight, bias, sliding, side);
    return;
  }
  for (let n = 0; n < N; n++) {
    for (let k = 0; k < K; k++) {
      const firstC = Math.floor(k / groupK) * groupC;
      for (let p = 0; p < P; p++) {
        for (let q = 0; q < Q; q++) {
          let sum = bias ? bias[k]! : 0;
          for (let c = 0; c < groupC; c++) {
            for (let r = 0; r < R; r++) {
              for (let s = 0; s < S; s++) {
                const input = at(
                  x,
                  n * C + firstC + c,
                  H,
                  W,
                  p * stride + r - padding,
                  q * stride + s - padding,
                );
                sum = fround(sum + fround(input * w[((k * groupC + c) * R + r) * S + s]!));
              }
            }
          }
          y[((n * K + k) * P + p) * Q + q] = sum;
        }
      }
    }
  }
}

export function conv2dInputGradient(
  dx: Float32Array,
  dy: Float32Array,
  weight: Float32Array,
  shape: Conv2dShape,
): void {
  const { N, C, H, W, K, R, S, P, Q, stride, padding, groups } = shape;
  const groupC = C / groups;
  const groupK = K / groups;
  const margin = 2 - padding;
  const sliding = { images: N, groups, inputs: groupK, outputs: groupC, H: P, W: Q, margin, P: H, Q: W };
  const side = winogradSide(shape, sliding);
  if (side !== 0) {
    const turned = (g: number, c: number, k: number, r: number, s: number) =>
      weight[(((g * groupK + k) * groupC + c) * R + 2 - r) * S + 2 - s]!;
    winograd(dx, dy, turned, null, sliding, side);
    return;
  }
  for (let n = 0; n < N; n++) {
    for (let c = 0; c < C; c++) {
      const firstK = Math.floor(c / groupC) * groupK;
      for (let h = 0; h < H; h++) {
        for (let w = 0; w < W; w++) {
          let sum = 0;
          for (let k = firstK; k < firstK + groupK; k++) {
            for (let r = 0; r < R; r++) {
              if ((h + padding - r) % stride !== 0) continue;
              for (let s = 0; s < S; s++) {
                if ((w + padding - s) % stride !== 0) continue;
                const output = at(
                  dy,
                  n * K + k,
                  P,
                  Q,
                  (h + padding - r) / stride,
                  (w + padding - s) / stride,
                );
                sum = fround(sum + fround(output * weight[((k * groupC + (c % groupC)) * R + r) * S + s]!));
              }
            }
          }
          dx[((n * C + c) * H + h) * W + w] = sum;
        }
      }
    }
  }
}

export function conv2dWeightGradient(
  dw: Float32Array,
  dy: Float32Array,
  x: Float32Array,
  shape: Conv2dShape,
  accumulate = false,
): void {
  const { N, C, H, W, K, R, S, P, Q, stride, padding, groups } = shape;
  const groupC = C / groups;
  const groupK = K / groups;
  if (suitsWeightWinograd(shape)) {
    if (!accumulate) dw.fill(0);
    winogradWeightGradient(dw, dy, x, shape);
    return;
  }
  for (let k = 0; k < K; k++) {
    const firstC = Math.floor(k / groupK) * groupC;
    for (let c = 0; c < groupC; c++) {
      for (let r = 0; r < R; r++) {
        for (let s = 0; s < S; s++) {
          let sum = accumulate ? dw[((k * groupC + c) * R + r) * S + s]! : 0;
          for (let n = 0; n < N; n++) {
            for (let p = 0; p < P; p++) {
              for (let q = 0; q < Q; q++) {
                const input = at(
                  x,
                  n * C + firstC + c,
                  H,
                  W,
                  p * stride + r - padding,
                  q * stride + s - padding,
                );
                sum = fround(sum + fround(dy[((n * K + k) * P + p) * Q + q]! * input));
              }
            }
          }
          dw[((k * groupC + c) * R + r) * S + s] = sum;
        }
      }
    }
  }
}

/**
 * energy[k] = Σ_n Σ_{p,q} dy² · share[n,p,q]. Each plane's sum follows order.ts; planes are added over n in
 * binary64. share = (non-zero inputs under the window) / (C/groups·R·S). proofs: Gradient.energy_mean
 */
export function conv2dNoiseEnergy(
  energy: Float32Array,
  dy: Float32Array,
  x: Float32Array,
  shape: Conv2dShape,
): void {
  const { N, K, P, Q, groups } = shape;
  const totals = new Float64Array(K);
  for (let n = 0; n < N; n++) {
    for (let k = 0; k < K; k++) {
      const share = windowShare(x, n, Math.floor(k / (K / groups)), shape);
      const plane = (n * K + k) * P * Q;
      totals[k]! += orderedSum(0, P * Q, (i) => {
        const gradient = dy[plane + i]!;
        return fround(fround(gradient * gradient) * share[i]!);
      });
    }
  }
  for (let k = 0; k < K; k++) energy[k] = totals[k]!;
}

/**
 * For each output position of image n, the share of the group's inputs under the window that are not zero.
 */
function windowShare(x: Float32Array, n: number, group: number, shape: Conv2dShape): Float32Array {
  const { C, H, W, R, S, P, Q, stride, padding, groups } = shape;
  const groupC = C / groups;
  const share = new Float32Array(P * Q);
  for (let p = 0; p < P; p++) {
    for (let q = 0; q < Q; q++) {
      let nonZero = 0;
      for (let c = group * groupC; c < (group + 1) * groupC; c++) {
        for (let r = 0; r < R; r++) {
          for (let s = 0; s < S; s++) {
            if (at(x, n * C + c, H, W, p * stride + r - padding, q * stride + s - padding) !== 0) nonZero++;
          }
        }
      }
      share[p * Q + q] = nonZero / (groupC * R * S);
    }
  }
  return share;
}
