/** Broken implementations of the kernels of batch normalisation. */
import type { Kernels } from "../../src/kernels/kernels.js";
import { referenceKernels as right } from "../../src/kernels/reference.js";

const { fround } = Math;

type Norm =
  | "channelMoments"
  | "batchNormForward"
  | "batchNormBackward"
  | "batchNormSums"
  | "batchNormGradient"
  | "inverseStd"
  | "blend";

/** What is wrong, and the kernel that does it. */
export const normMutants: { [K in Norm]: [fault: string, Kernels[K]] } = {
  channelMoments: [
    "variance as mean square minus squared mean",
    (mean, variance, x, s) => {
      right.channelMoments(mean, variance, x, s);
      const squares = Float32Array.from(x, (v) => v * v);
      right.channelMoments(variance, variance.slice(), squares, s);
      for (let c = 0; c < s.C; c++) variance[c] = variance[c]! - mean[c]! * mean[c]!;
    },
  ],
  batchNormForward: [
    "subtracts the mean before scaling",
    (y, x, mean, invStd, gamma, beta, s) => {
      for (let i = 0; i < y.length; i++) {
        const c = Math.floor(i / s.size) % s.C;
        y[i] = fround(fround(fround(x[i]! - mean[c]!) * invStd[c]!) * gamma[c]!) + beta[c]!;
      }
    },
  ],
  batchNormBackward: [
    "divides by the size of a plane instead of the batch's",
    (dx, dgamma, dbeta, dy, x, mean, invStd, gamma, s) => {
      right.batchNormBackward(dx, dgamma, dbeta, dy, x, mean, invStd, gamma, s);
      if (s.N > 1) right.scale(dx, dx, s.N);
    },
  ],
  batchNormSums: [
    "adds the planes of a channel at once",
    (dy, x, mean, invStd, s) => {
      const sums = right.batchNormSums(dy, x, mean, invStd, s);
      for (let plane = s.C; plane < s.N * s.C; plane++) sums[2 * plane]! += sums[2 * (plane - s.C)]!;
      return sums;
    },
  ],
  batchNormGradient: [
    "divides by the images of the part",
    (dx, dgamma, dbeta, dy, x, mean, invStd, gamma, s) =>
      right.batchNormGradient(dx, dgamma, dbeta, dy, x, mean, invStd, gamma, s, s.N),
  ],
  inverseStd: [
    "rounds once, at the end",
    (out, variance, eps) => {
      for (let i = 0; i < out.length; i++) out[i] = 1 / Math.sqrt(variance[i]! + eps);
    },
  ],
  blend: [
    "weighs both",
    (running, value, rate) => {
      for (let i = 0; i < running.length; i++) running[i] = running[i]! * (1 - rate) + value[i]! * rate;
    },
  ],
};
