/** One step of stochastic gradient descent; g is only read. proofs: Gradient.momentum_variance */
import type { SgdStep } from "../kernels.js";

const { fround } = Math;

export function sgd(w: Float32Array, g: Float32Array, m: Float32Array | null, step: SgdStep): void {
  const lr = fround(step.lr);
  const momentum = fround(step.momentum);
  const decay = fround(step.weightDecay);
  for (let i = 0; i < w.length; i++) {
    const gradient = fround(g[i]! + fround(decay * w[i]!));
    let direction = gradient;
    if (m) {
      m[i] = fround(momentum * m[i]!) + gradient;
      direction = step.nesterov ? fround(gradient + fround(momentum * m[i]!)) : m[i]!;
    }
    w[i] = w[i]! - fround(lr * direction);
  }
}
