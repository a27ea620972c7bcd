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
import { Tensor } from "../engine/tensor.js";
import type { Conv2dShape } from "../kernels/kernels.js";

type Terms = Omit<Observation, "signal" | "arrived">;

interface Convolution {
  shape: Conv2dShape;
  weight: Parameter;
}

/** How the law of a convolution gets its δ. */
interface Delta<A> {
  /**
   * The gradient of images [first, first + count) of the convolution's output. The law disposes of it, if it is a tensor.
   */
  of(run: NoiseRun, dy: Float32Array, attributes: A, first: number, count: number): Float32Array | Tensor;
  /** The most images that it may be asked for at a time. */
  most(attributes: A): number;
}

/** The law of a convolution that is an op, or a part of one. */
export const convolutionNoise = <A extends Convolution>(delta: Delta<A>): NoiseLaw<A> => ({
  watch(run, dy, attributes) {
    const { shape, weight } = attributes;
    const most = delta.most(attributes);
    const image = shape.C * shape.H * shape.W;
    const found: Terms[] = [];
    let before = 0;
    for (const x of run.parts("x")) {
      const images = x.shape[0]!;
      for (let first = 0; first < images; first += most) {
        const part = { ...shape, N: Math.min(most, images - first) };
        const dc = delta.of(run, dy.data, attributes, before + first, part.N);
        const values = x.data.subarray(first * image, (first + part.N) * image);
        const sensitivity = run.sensitivity("x", before + first, part.N);
        found.push(terms(run, dc instanceof Tensor ? dc.data : dc, values, part, sensitivity));
        if (dc instanceof Tensor) dc.dispose();
      }
      before += images;
      x.dispose();
    }
    return reporting(run, whole(found), weight);
  },
});

export const conv2dNoise = convolutionNoise({
  of: (_run, dy, { shape: { K, P, Q } }, first, count) =>
    dy.subarray(first * K * P * Q, (first + count) * K * P * Q),
  most: () => Number.POSITIVE_INFINITY,
});

/** A linear layer is a convolution of 1 × 1 images. */
export const linearNoise: NoiseLaw<{ weight: Parameter }> = {
  watch(run, dy, { weight }) {
    const [K, C] = weight.value.shape as [number, number];
    const ones = { H: 1, W: 1, R: 1, S: 1, P: 1, Q: 1, stride: 1, padding: 0, groups: 1 };
    const x = run.look("x");
    const found = terms(run, dy.data, x.data, { N: dy.shape[0]!, C, K, ...ones }, null);
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
  x: Float32Array,
  shape: Conv2dShape,
  sensitivity: Tensor | null,
): Terms {
  const { kernels } = run.engine;
  const energy = run.empty([shape.K]);
  if (sensitivity) weightedEnergy(run, energy.data, dy, sensitivity, shape);
  else kernels.conv2dNoiseEnergy(energy.data, dy, x, shape);
  const found: Terms = {
    energy: energy.data.slice(),
    meanLoss: kernels.sumAbs(dy) / dy.length,
    nonZero: kernels.countNonZero(x) / x.length,
    batch: shape.N,
    deltaGain: (shape.N * shape.P * shape.Q * kernels.sumSquares(x)) / x.length,
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
