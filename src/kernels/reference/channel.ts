/**
 * Bias, moments and batch normalisation, per channel of N × C × size. The sum of a channel is the ordered sum
 * of each plane, added over n in binary64 and rounded once.
 */
import type { ChannelShape } from "../kernels.js";
import { orderedSum } from "./order.js";

const { fround, sqrt } = Math;

/** Calls `visit(start, end)` with the range of each of the N planes of channel c. */
function planes({ N, C, size }: ChannelShape, c: number, visit: (start: number, end: number) => void): void {
  for (let n = 0; n < N; n++) visit((n * C + c) * size, (n * C + c + 1) * size);
}

function channelSum(shape: ChannelShape, c: number, term: (i: number) => number): number {
  let total = 0;
  planes(shape, c, (start, end) => {
    total += orderedSum(start, end, term);
  });
  return total;
}

export function addBias(y: Float32Array, bias: Float32Array, shape: ChannelShape): void {
  for (let c = 0; c < shape.C; c++) {
    planes(shape, c, (start, end) => {
      for (let i = start; i < end; i++) y[i] = y[i]! + bias[c]!;
    });
  }
}

export function biasGradient(db: Float32Array, dy: Float32Array, shape: ChannelShape): void {
  for (let c = 0; c < shape.C; c++) db[c] = channelSum(shape, c, (i) => dy[i]!);
}

/**
 * Two passes: first the mean, then the squares of the deviations, so that a large mean costs no precision.
 */
export function channelMoments(
  mean: Float32Array,
  variance: Float32Array,
  x: Float32Array,
  shape: ChannelShape,
): void {
  const count = shape.N * shape.size;
  for (let c = 0; c < shape.C; c++) {
    const mu = fround(channelSum(shape, c, (i) => x[i]!) / count);
    mean[c] = mu;
    variance[c] =
      channelSum(shape, c, (i) => {
        const deviation = fround(x[i]! - mu);
        return fround(deviation * deviation);
      }) / count;
  }
}

export function batchNormForward(
  y: Float32Array,
  x: Float32Array,
  mean: Float32Array,
  invStd: Float32Array,
  gamma: Float32Array,
  beta: Float32Array,
  shape: ChannelShape,
): void {
  for (let c = 0; c < shape.C; c++) {
    const scale = fround(gamma[c]! * invStd[c]!);
    const shift = fround(beta[c]! - fround(mean[c]! * scale));
    planes(shape, c, (start, end) => {
      for (let i = start; i < end; i++) y[i] = fround(x[i]! * scale) + shift;
    });
  }
}

export function batchNormBackward(
  dx: Float32Array,
  dgamma: Float32Array,
  dbeta: Float32Array,
  dy: Float32Array,
  x: Float32Array,
  mean: Float32Array,
  invStd: Float32Array,
  gamma: Float32Array,
  shape: ChannelShape,
): void {
  const { N, C } = shape;
  const sums = batchNormSums(dy, x, mean, invStd, shape);
  for (let c = 0; c < C; c++) {
    let [sumDy, sumDyX] = [0, 0];
    for (let plane = c; plane < N * C; plane += C) {
      sumDy += sums[2 * plane]!;
      sumDyX += sums[2 * plane + 1]!;
    }
    dbeta[c] = sumDy;
    dgamma[c] = sumDyX;
  }
  batchNormGradient(dx, dgamma, dbeta, dy, x, mean, invStd, gamma, shape, N);
}

export function batchNormSums(
  dy: Float32Array,
  x: Float32Array,
  mean: Float32Array,
  invStd: Float32Array,
  { N, C, size }: ChannelShape,
): Float64Array {
  const sums = new Float64Array(2 * N * C);
  for (let plane = 0; plane < N * C; plane++) {
    const [start, end] = [plane * size, (plane + 1) * size];
    const c = plane % C;
    const normalised = (i: number) => fround(fround(x[i]! - mean[c]!) * invStd[c]!);
    sums[2 * plane] = orderedSum(start, end, (i) => dy[i]!);
    sums[2 * plane + 1] = orderedSum(start, end, (i) => fround(dy[i]! * normalised(i)));
  }
  return sums;
}

export function batchNormGradient(
  dx: Float32Array,
  dgamma: Float32Array,
  dbeta: Float32Array,
  dy: Float32Array,
  x: Float32Array,
  mean: Float32Array,
  invStd: Float32Array,
  gamma: Float32Array,
  part: ChannelShape,
  images: number,
): void {
  const count = images * part.size;
  for (let c = 0; c < part.C; c++) {
    const scale = fround(gamma[c]! * invStd[c]!);
    const meanDy = fround(dbeta[c]! / count);
    const meanDyX = fround(dgamma[c]! / count);
    planes(part, c, (start, end) => {
      for (let i = start; i < end; i++) {
        const normalised = fround(fround(x[i]! - mean[c]!) * invStd[c]!);
        dx[i] = scale * fround(fround(dy[i]! - meanDy) - fround(normalised * meanDyX));
      }
    });
  }
}

export function inverseStd(out: Float32Array, variance: Float32Array, eps: number): void {
  for (let i = 0; i < out.length; i++) out[i] = 1 / fround(sqrt(fround(variance[i]! + fround(eps))));
}

export function blend(running: Float32Array, value: Float32Array, rate: number): void {
  const weight = fround(rate);
  for (let i = 0; i < running.length; i++) {
    running[i] = running[i]! + fround(weight * fround(value[i]! - running[i]!));
  }
}
