/**
 * The noise law of silu, y = x·σ(x). With x + e in place of x, ∇x is off by δ·f''(x)·e to first order, where
 * f'' = σ(1 − σ)(2 + x(1 − 2σ)). |f''| is at most ½, its value at 0, so
 *
 *   worst case   |error of ∇x| ≤ ½·|δ|·eb          (exactly: f' is Lipschitz with constant ½)
 *   in the mean  σ² = eb²/3 · Σ (δ·f''(x))²         for independent uniform errors
 *
 * This error travels upstream. y itself, where an op above asks for it, is off by f'(x)·e.
 * proofs: Gradient.elementwise_bound, Gradient.gradient_variance
 */
import type { NoiseLaw } from "../engine/noise.js";
import { elementwiseNoise } from "./elementwise.js";

export const siluNoise: NoiseLaw<null> = elementwiseNoise("x", (errors, x, delta, { engine }) => {
  engine.kernels.sigmoid(errors, x);
  for (let i = 0; i < errors.length; i++) {
    const s = errors[i]!;
    errors[i] = delta[i]! * s * (1 - s) * (2 + x[i]! * (1 - 2 * s));
  }
});
