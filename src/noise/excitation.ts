/**
 * The noise law of squeeze-and-excitation's channel-wise product, y = x·s, where s has one number for each plane. With
 * x + e in place of x, ∇s[n,c] is off by Σ_i δ·e, which travels up the two layers of the excitation:
 *
 *   worst case   |error of ∇s| ≤ eb · Σ_i|δ|
 *   in the mean  σ² = eb²/3 · Σ_i δ²                 as in a convolution's weight gradient
 *
 * ∇x does not depend on x. s is as small as a bias, and is kept exactly. Where x = f(z) is made from a kept z, δ is
 * δ·f'(z) here; y itself is off by s·e.
 * proofs: Gradient.gradient_bound, Gradient.gradient_variance
 */

import type { NoiseLaw, NoiseRun } from "../engine/noise.js";
import { multiply } from "../engine/recipe.js";
import { sizeOf, type Tensor } from "../engine/tensor.js";
import { meanSquare } from "./pass.js";
import { drawn, travelling } from "./travel.js";

export const squeezeExcitationNoise: NoiseLaw<null> = {
  watch(run, dy) {
    const [N, C] = dy.shape as [number, number];
    const sensitivity = run.sensitivity("x", 0, N);
    const draw = run.draw("x", 1);
    const errors = met(run, dy, sensitivity);
    return {
      inputs([, ds]) {
        const noise = run.engine.kernels.sumSquares(errors.data) / (N * C);
        run.record("x", travelling(N, noise, ds ? meanSquare(ds) : 0), 1);
        if (draw) run.send(1, summed(run, drawn(errors.ref, draw), [N, C, 1, 1]));
        errors.dispose();
      },
    };
  },
};

/** δ, times the sensitivity of x if it has one, where x is not 0: the factor of an error of 1 in the kept tensor. */
function met(run: NoiseRun, dy: Tensor, sensitivity: Tensor | null): Tensor {
  if (sensitivity) {
    multiply(sensitivity.data, dy.data);
    return sensitivity;
  }
  const x = run.look("x");
  const errors = run.empty(x.shape);
  run.engine.kernels.reluBackward(errors.data, dy.data, x.data);
  x.dispose();
  return errors;
}

/** Σ_i over each plane. Consumes the terms. */
function summed(run: NoiseRun, terms: Tensor, shape: readonly number[]): Tensor {
  const { kernels } = run.engine;
  const [N, C, ...rest] = terms.shape as [number, number, ...number[]];
  const [sums, ones] = [run.empty(shape), run.empty(terms.shape)];
  kernels.fill(ones.data, 1);
  kernels.dotPlanes(sums.data, terms.data, ones.data, { planes: N * C, size: sizeOf(rest) });
  for (const tensor of [terms, ones]) tensor.dispose();
  return sums;
}
