/** Softmax and cross-entropy, row by row. Sums over a row follow order.ts. */
import { exp, log } from "./exponential.js";
import { orderedSum } from "./order.js";

const { fround } = Math;

/**
 * Writes the softmax of row x[start …] to y. Returns what the loss needs: the row's maximum and Σ exp(x −
 * max).
 */
function softmaxRow(
  y: Float32Array,
  x: Float32Array,
  start: number,
  classes: number,
): { max: number; sum: number } {
  const end = start + classes;
  let max = Number.NEGATIVE_INFINITY;
  for (let i = start; i < end; i++) max = Math.max(max, x[i]!);
  for (let i = start; i < end; i++) y[i] = exp(fround(x[i]! - max));
  const sum = fround(orderedSum(start, end, (i) => y[i]!));
  for (let i = start; i < end; i++) y[i] = y[i]! / sum;
  return { max, sum };
}

export function softmax(y: Float32Array, x: Float32Array, rows: number, classes: number): void {
  for (let row = 0; row < rows; row++) softmaxRow(y, x, row * classes, classes);
}

/** With z = x − max and Z = Σ exp z: loss = log Z − (1−ε)·z[label] − ε·mean(z). */
export function crossEntropy(
  loss: Float32Array,
  probabilities: Float32Array,
  x: Float32Array,
  labels: Float32Array,
  rows: number,
  classes: number,
  smoothing: number,
): void {
  const off = fround(smoothing);
  const on = fround(1 - off);
  for (let row = 0; row < rows; row++) {
    const start = row * classes;
    const { max, sum } = softmaxRow(probabilities, x, start, classes);
    const z = (i: number) => fround(x[i]! - max);
    const hit = fround(on * z(start + labels[row]!));
    const mean = fround(fround(orderedSum(start, start + classes, z)) / classes);
    const spread = off === 0 ? 0 : fround(off * mean);
    loss[row] = fround(log(sum) - hit) - spread;
  }
}

export function crossEntropyBackward(
  dx: Float32Array,
  probabilities: Float32Array,
  labels: Float32Array,
  rows: number,
  classes: number,
  smoothing: number,
  factor: number,
): void {
  const off = fround(fround(smoothing) / classes);
  const on = fround(fround(1 - fround(smoothing)) + off);
  const by = fround(factor);
  for (let row = 0; row < rows; row++) {
    for (let j = 0; j < classes; j++) {
      const i = row * classes + j;
      const target = j === labels[row] ? on : off;
      dx[i] = fround(probabilities[i]! - target) * by;
    }
  }
}
