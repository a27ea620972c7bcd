/** The logistic function and SiLU with their derivatives. They use the kernels' own exponential. */
import { exp } from "./exponential.js";

const { fround } = Math;

/** σ(x) = 1/(1 + e^−x) */
const logistic = (x: number): number => fround(1 / fround(1 + exp(-x)));

export function sigmoid(y: Float32Array, x: Float32Array): void {
  for (let i = 0; i < y.length; i++) y[i] = logistic(x[i]!);
}

/** σ' = σ·(1 − σ), computed from the output. */
export function sigmoidBackward(dx: Float32Array, dy: Float32Array, y: Float32Array): void {
  for (let i = 0; i < dx.length; i++) dx[i] = dy[i]! * fround(y[i]! * fround(1 - y[i]!));
}

export function silu(y: Float32Array, x: Float32Array): void {
  for (let i = 0; i < y.length; i++) y[i] = x[i]! * logistic(x[i]!);
}

/** (x·σ)' = σ·(1 + x·(1 − σ)) */
export function siluBackward(dx: Float32Array, dy: Float32Array, x: Float32Array): void {
  for (let i = 0; i < dx.length; i++) {
    const s = logistic(x[i]!);
    const slope = fround(s * fround(1 + fround(x[i]! * fround(1 - s))));
    dx[i] = dy[i]! * slope;
  }
}
