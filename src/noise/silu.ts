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

import type { NoiseLaw, NoiseRun } from "../engine/noise.js";
import { multiply } from "../engine/recipe.js";
import type { Tensor } from "../engine/tensor.js";
import { meanSquare } from "./pass.js";
import { drawn, travelling } from "./travel.js";

export const siluNoise: NoiseLaw<null> = {
  watch(run, dy) {
    const sensitivity = run.sensitivity("x", 0, dy.shape[0]!);
    const draw = run.draw("x", 0);
    const errors = curved(run, dy, sensitivity);
    return {
      inputs([dx]) {
        run.record("x", travelling(dy.shape[0]!, meanSquare(errors), dx ? meanSquare(dx) : 0));
        if (draw) run.send(0, drawn(errors.ref, draw));
        errors.dispose();
      },
    };
  },
};

/** δ·f''(x), times the sensitivity of x if it has one: what an error of 1 in the kept tensor does to ∇x. */
function curved(run: NoiseRun, dy: Tensor, sensitivity: Tensor | null): Tensor {
  const x = run.look("x");
  const errors = run.empty(x.shape);
  const [found, values, delta] = [errors.data, x.data, dy.data];
  run.engine.kernels.sigmoid(found, values);
  for (let i = 0; i < found.length; i++) {
    const s = found[i]!;
    found[i] = delta[i]! * s * (1 - s) * (2 + values[i]! * (1 - 2 * s));
  }
  if (sensitivity) multiply(found, sensitivity.data);
  sensitivity?.dispose();
  x.dispose();
  return errors;
}
