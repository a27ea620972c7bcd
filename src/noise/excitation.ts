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
import { RunningSquares } from "../engine/running.js";
import { sizeOf, type Tensor } from "../engine/tensor.js";
import { meanSquare } from "./pass.js";
import { drawn, travelling } from "./travel.js";

export const squeezeExcitationNoise: NoiseLaw<null> = {
  watch(run, dy) {
    const [N, C] = dy.shape as [number, number];
    const draw = run.draw("x", 1);
    // The errors of a draw are sent on; else only their sum of squares is needed.
    const sent = draw ? run.empty(dy.shape) : null;
    const squares = new RunningSquares(run.engine);
    let first = 0;
    for (const x of run.parts("x")) {
      const start = (first * dy.size) / N;
      const errors = met(run, dy.data.subarray(start, start + x.size), x, first);
      squares.add(errors.data);
      sent?.data.set(errors.data, start);
      first += errors.shape[0]!;
      errors.dispose();
    }
    const noise = squares.sum / (N * C);
    return {
      inputs([, ds]) {
        run.record("x", travelling(N, noise, ds ? meanSquare(ds) : 0), 1);
        if (draw) run.send(1, summed(run, drawn(sent!, draw), [N, C, 1, 1]));
      },
    };
  },
};

/**
 * δ, times the sensitivity of x if it has one, where x is not 0: the factor of an error of 1 in the kept tensor. x: some
 * images from `first` on, which are consumed.
 */
function met(run: NoiseRun, delta: Float32Array, x: Tensor, first: number): Tensor {
  const sensitivity = run.sensitivity("x", first, x.shape[0]!);
  const errors = sensitivity ?? run.empty(x.shape);
  if (sensitivity) multiply(sensitivity.data, delta);
  else run.engine.kernels.reluBackward(errors.data, delta, x.data);
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
