/**
 * The noise law of convolutions and linear layers. With x̂ = x + e in place of x, ∇ŵ − ∇w = Σ δ·e, a sum over the
 * positions where x ≠ 0 (e = 0 where x = 0).
 *
 *   worst case   |∇ŵ − ∇w| ≤ eb · Σ|δ|
 *   in the mean  σ² = Var(e) · Σδ², if the errors are zero-mean and uncorrelated; Var(e) = eb²/3 if uniform.
 *
 * Where x = f(z) is made from a kept z, e is f'(z) times the error of z, and Σδ² becomes Σ(δ·f'(z))².
 * proofs: Gradient.gradient_bound, Gradient.gradient_variance, Gradient.convolution_positions
 */

import type { NoiseLaw, NoiseRun, Observation } from "../engine/noise.js";
import type { Parameter } from "../engine/parameter.js";
import { multiply } from "../engine/recipe.js";
import type { Tensor } from "../engine/tensor.js";
import type { Conv2dShape } from "../kernels/kernels.js";

type Terms = Omit<Observation, "signal" | "arrived">;

export const conv2dNoise: NoiseLaw<{ shape: Conv2dShape; weight: Parameter }> = {
  watch(run, dy, { shape, weight }) {
    const found: Terms[] = [];
    let first = 0;
    for (const x of run.parts("x")) {
      const part = { ...shape, N: x.shape[0]! };
      const size = shape.K * shape.P * shape.Q;
      const delta = dy.data.subarray(first * size, (first + part.N) * size);
      found.push(terms(run, delta, x, part, run.sensitivity("x", first, part.N)));
      first += part.N;
      x.dispose();
    }
    return reporting(run, whole(found), weight);
  },
};

/** A linear layer is a convolution of 1 × 1 images. */
export const linearNoise: NoiseLaw<{ weight: Parameter }> = {
  watch(run, dy, { weight }) {
    const [K, C] = weight.value.shape as [number, number];
    const ones = { H: 1, W: 1, R: 1, S: 1, P: 1, Q: 1, stride: 1, padding: 0, groups: 1 };
    const x = run.look("x");
    const found = terms(run, dy.data, x, { N: dy.shape[0]!, C, K, ...ones }, null);
    x.dispose();
    return reporting(run, found, weight);
  },
};

/** Reports once the weight's gradient, and so the signal, is known. */
function reporting(run: NoiseRun, found: Terms, weight: Parameter) {
  let squares = 0;
  return {
    rows: true,
    parameter(parameter: Parameter, gradient: Tensor) {
      if (parameter === weight) squares = run.engine.kernels.sumSquares(gradient.data, squares);
    },
    inputs: () => run.record("x", { ...found, signal: squares / weight.value.size }),
  };
}

/** The law's terms of one part of a batch. */
function terms(
  run: NoiseRun,
  dy: Float32Array,
  x: Tensor,
  shape: Conv2dShape,
  sensitivity: Tensor | null,
): Terms {
  const { kernels } = run.engine;
  const energy = run.empty([shape.K]);
  if (sensitivity) weightedEnergy(run, energy.data, dy, sensitivity, shape);
  else kernels.conv2dNoiseEnergy(energy.data, dy, x.data, shape);
  const found: Terms = {
    energy: energy.data.slice(),
    meanLoss: kernels.sumAbs(dy) / dy.length,
    nonZero: kernels.countNonZero(x.data) / x.size,
    batch: shape.N,
    deltaGain: (shape.N * shape.P * shape.Q * kernels.sumSquares(x.data)) / x.size,
    upstream: null,
  };
  energy.dispose();
  return found;
}

/** E_k = Σ(δ·f')², the mean over a channel's weights: a weight gradient of squares. Consumes the sensitivity. */
function weightedEnergy(
  run: NoiseRun,
  energy: Float32Array,
  dy: Float32Array,
  sensitivity: Tensor,
  shape: Conv2dShape,
): void {
  const squares = run.empty([dy.length]);
  squares.data.set(dy);
  for (const { data } of [squares, sensitivity]) multiply(data, data);
  const each = (shape.C / shape.groups) * shape.R * shape.S;
  const sums = run.empty([shape.K, each]);
  run.engine.kernels.conv2dWeightGradient(sums.data, squares.data, sensitivity.data, shape, false);
  for (let k = 0; k < shape.K; k++) {
    energy[k] = sums.data.subarray(k * each, (k + 1) * each).reduce((a, b) => a + b, 0) / each;
  }
  for (const tensor of [squares, sums, sensitivity]) tensor.dispose();
}

/** The terms of a batch from those of its parts: sums add up, means are weighted by the number of images. */
function whole(parts: readonly Terms[]): Terms {
  return parts.reduce((a, b) => {
    const batch = a.batch + b.batch;
    const mean = (p: number, q: number) => (p * a.batch + q * b.batch) / batch;
    return {
      energy: a.energy.map((value, k) => value + b.energy[k]!),
      meanLoss: mean(a.meanLoss, b.meanLoss),
      nonZero: mean(a.nonZero, b.nonZero),
      batch,
      deltaGain: a.deltaGain + b.deltaGain,
      upstream: null,
    };
  });
}
