/**
 * Batch normalisation. Over N·H·W = M values of a channel, with x̂ = (x − μ)/√(v + ε):
 *
 *   y  = γ·x̂ + β
 *   ∇β = Σδ      ∇γ = Σδ·x̂      ∇x = γ/√(v + ε) · (δ − ∇β/M − x̂·∇γ/M)
 *
 * x̂ = (x − μ)/√(v + ε) = (y − β)/γ, so either x or y will do to be saved: f = 1/√(v + ε) or 1/γ is the slope.
 *
 * Noise law. An error e in what is saved is one of u = f·e in x̂, and with D = Σδ·u, g = γ/√(v + ε),
 *   ∇γ is off by D                                σ² = f²·Var(e)·Σδ²
 *   ∇x is off by −g/M · (u·∇γ + x̂·D + u·D)        σ² = g²f²·Var(e)/M² · (∇γ²·(1 + 2/M) + Σδ²), the mean over a channel,
 * less the product of two errors. The second travels upstream: noise that every layer below hears. Where δ = 0, as it is
 * where a ReLU follows and lets nothing through, e has no part in D: only u·∇γ is left, and that is little.
 * proofs: Gradient.batchnorm_gamma, Gradient.batchnorm_error, Gradient.batchnorm_variance
 */

import { apply, type Backward, type Observation, type Op, type Parameter } from "../engine/op.js";
import { sizeOf, type Tensor } from "../engine/tensor.js";
import { ShapeError } from "../error.js";
import type { ChannelShape } from "../kernels/kernels.js";
import type { ErrorDraw } from "../noise/tracer.js";

export interface BatchNormState {
  weight: Parameter;
  bias: Parameter;
  /** Exponential averages for evaluation; updated by training steps, with the unbiased variance as PyTorch does. */
  runningMean: Tensor;
  runningVar: Tensor;
  eps: number;
  momentum: number;
  /** Whether the batch's own moments are used, and the running ones updated. */
  training: boolean;
}

const channels = ([N, C, ...rest]: readonly number[]): ChannelShape => ({ N: N!, C: C!, size: sizeOf(rest) });

/** x̂ is had from y = γ·x̂ + β with an error of |1/γ| that of y: too much where γ is small beside the others. */
const smallest = 1 / 64;

function invertible(gamma: Float32Array): boolean {
  const sizes = gamma.map(Math.abs);
  const largest = sizes.reduce((a, b) => Math.max(a, b), 0);
  return largest > 2 ** -60 && sizes.every((size) => size >= smallest * largest);
}

export const batchNorm2dOp: Op<BatchNormState> = {
  name: "batchNorm2d",
  // One of x and y: y where it is kept anyway, as the last of a chain.
  saves: { x: "value", y: "value", mean: "exact", invStd: "exact" },
  parameter: ({ weight }) => weight,
  forward(run, [x], state) {
    const { kernels, store, recording } = run.engine;
    const shape = channels(x!.shape);
    const mean = run.empty([shape.C]);
    const invStd = run.empty([shape.C]);
    if (state.training) {
      const variance = run.empty([shape.C]);
      kernels.channelMoments(mean.data, variance.data, x!.data, shape);
      kernels.inverseStd(invStd.data, variance.data, state.eps);
      const M = shape.N * shape.size;
      kernels.scale(variance.data, variance.data, M / Math.max(M - 1, 1));
      kernels.blend(state.runningMean.data, mean.data, state.momentum);
      kernels.blend(state.runningVar.data, variance.data, state.momentum);
      variance.dispose();
    } else {
      kernels.scale(mean.data, state.runningMean.data, 1);
      kernels.inverseStd(invStd.data, state.runningVar.data, state.eps);
    }
    const savesX = recording && !(store.keeps === "last" && invertible(state.weight.value.data));
    const values = x!.data;
    const y = savesX ? run.empty(x!.shape) : x!.recycle(run.site);
    kernels.batchNormForward(y.data, values, mean.data, invStd.data, ...affine(state), shape);
    return { y, saved: { ...(savesX ? { x: x! } : { y }), mean, invStd } };
  },
  cheap: {
    recompute(again, [x], state) {
      const [mean, invStd] = [again.look("mean"), again.look("invStd")];
      const values = x!.data;
      const y = x!.recycle(again.site);
      const shape = channels(y.shape);
      again.engine.kernels.batchNormForward(y.data, values, mean.data, invStd.data, ...affine(state), shape);
      for (const tensor of [mean, invStd]) tensor.dispose();
      return y;
    },
  },
  backward(run, dy, state) {
    const { weight, bias, training } = state;
    const { kernels } = run.engine;
    const shape = channels(dy.shape);
    const byOutput = run.has("y");
    const name = byOutput ? "y" : "x";
    const terms = run.observing ? incomingTerms(run, name, dy, shape) : null;
    const draw = run.draw(name, 0);
    const met = draw?.again ? metBy(draw, dy.data, shape) : null;
    const saved = run.take(name);
    const [mean, invStd] = [run.take("mean"), run.take("invStd")];
    const [dgamma, dbeta] = [run.empty([shape.C]), run.empty([shape.C])];
    const incoming = dy.data;
    const gamma = weight.value.data;
    // x̂ = (saved − centre)·slope and γ/√(v + ε) = gain·slope, whichever was saved.
    const centre = byOutput ? bias.value.data : mean.data;
    const [slope, gain] = byOutput ? byGamma(run, gamma, invStd.data) : [invStd.ref, weight.value.ref];
    const dx = training ? dy.recycle(run.site) : run.empty(dy.shape);
    kernels.batchNormBackward(
      dx.data,
      dgamma.data,
      dbeta.data,
      incoming,
      saved.data,
      centre,
      slope.data,
      gain.data,
      shape,
    );
    if (terms) {
      const seen = { ...terms, centre, slope: slope.data, gain: gain.data, dgamma: dgamma.data };
      run.observe(name, observation(run, seen, shape, dx));
      if (draw) {
        const sums =
          met ?? seen.squares.map((square, c) => draw.sign(-1 - c) * draw.sigma * Math.sqrt(square));
        run.send(0, sentError(run, seen, shape, saved, draw, sums));
        if (met)
          run.err(
            weight,
            met.map((sum, c) => slope.data[c]! * sum),
          );
      }
    }
    if (!training) {
      // Running statistics are constants: ∇x = γ/√(v + ε)·δ, the forward map without its shift.
      const zero = run.empty([shape.C]);
      kernels.fill(zero.data, 0);
      kernels.batchNormForward(dx.data, incoming, zero.data, invStd.data, gamma, zero.data, shape);
      zero.dispose();
      dy.dispose();
    }
    for (const tensor of [saved, mean, invStd, slope, gain]) tensor.dispose();
    run.accumulate(weight, dgamma);
    run.accumulate(bias, dbeta);
    return [dx];
  },
};

/** What takes the place of slope and gain where y was saved: 1/γ and γ·(γ/√(v + ε)). */
function byGamma(run: Backward, gamma: Float32Array, invStd: Float32Array): [slope: Tensor, gain: Tensor] {
  const [slope, gain] = [run.empty([gamma.length]), run.empty([gamma.length])];
  slope.data.set(gamma.map((g) => 1 / g));
  gain.data.set(gamma.map((g, c) => g * Math.fround(g * invStd[c]!)));
  return [slope, gain];
}

/** Of each channel; `errs` is 1 and every δ counts alike but in a saved tensor that is made from several. */
interface Incoming {
  /** Σδ². */
  squares: Float32Array;
  /** Mean variance of the errors ÷ the largest. */
  errs: Float32Array;
  /** Share of the δ that are 0. */
  zeros: Float32Array;
}

function incomingTerms(run: Backward, name: string, dy: Tensor, shape: ChannelShape): Incoming {
  const addends = run.addends(name);
  const total = addends.reduce((sum, { variance }) => sum + variance, 0);
  const zeros = nonZero(run, dy.data, shape).map((share) => 1 - share);
  if (total === 0) {
    return { zeros, squares: moments(run, dy.data, shape).squares, errs: zeros.map(() => 1) };
  }
  const [squares, errs] = [new Float32Array(shape.C), new Float32Array(shape.C)];
  for (const addend of addends) {
    const weight = addend.variance / total;
    let first = 0;
    for (const x of addend.parts()) {
      const part = channels(x.shape);
      // It errs where it is not 0, and only there a δ meets its error.
      const met = run.empty(x.shape);
      run.engine.kernels.reluBackward(met.data, dy.data.subarray(first, first + x.size), x.data);
      const found = moments(run, met.data, part).squares;
      const support = nonZero(run, x.data, part);
      for (let c = 0; c < shape.C; c++) {
        squares[c]! += weight * found[c]!;
        errs[c]! += (weight * support[c]! * part.N) / shape.N;
      }
      first += x.size;
      for (const tensor of [x, met]) tensor.dispose();
    }
  }
  return { squares, errs, zeros };
}

/** Share of each channel's values that are not 0. */
function nonZero(run: Backward, x: Float32Array, shape: ChannelShape): Float32Array {
  const ones = run.empty([x.length]);
  run.engine.kernels.fill(ones.data, 1);
  run.engine.kernels.reluBackward(ones.data, ones.data, x);
  const { mean } = moments(run, ones.data, shape);
  ones.dispose();
  return mean;
}

/** Mean and sum of squares of each channel. */
function moments(run: Backward, x: Float32Array, shape: ChannelShape) {
  const [mean, variance] = [run.empty([shape.C]), run.empty([shape.C])];
  run.engine.kernels.channelMoments(mean.data, variance.data, x, shape);
  const M = shape.N * shape.size;
  const found = {
    mean: mean.data.slice(),
    squares: variance.data.map((v, c) => M * (v + mean.data[c]! ** 2)),
  };
  for (const tensor of [mean, variance]) tensor.dispose();
  return found;
}

/** Per channel. `slope`: x̂ ÷ saved; `gain`: (γ/√(v + ε)) ÷ slope. */
interface Seen extends Incoming {
  centre: Float32Array;
  slope: Float32Array;
  gain: Float32Array;
  dgamma: Float32Array;
}

/** The law's terms: see above. */
function observation(
  { engine: { kernels } }: Backward,
  { squares, errs, zeros, slope, gain, dgamma }: Seen,
  { N, C, size }: ChannelShape,
  dx: Tensor,
): Omit<Observation, "arrived"> {
  const M = N * size;
  /** The mean over the channels of g²f²/M² · term. */
  const travelling = (term: (c: number) => number) =>
    slope.reduce((sum, f, c) => sum + (gain[c]! * f * f) ** 2 * term(c), 0) / (C * M * M);
  return {
    energy: slope.map((f, c) => f * f * squares[c]!),
    signal: kernels.sumSquares(dgamma) / C,
    meanLoss: Number.NaN,
    nonZero: 1,
    batch: N,
    received: M,
    upstream: {
      noise: travelling((c) => dgamma[c]! ** 2 * (errs[c]! + 2 / M) + squares[c]!),
      gated: travelling((c) => dgamma[c]! ** 2 * zeros[c]!),
      signal: kernels.sumSquares(dx.data) / dx.size,
    },
  };
}

/** Σδ·e of each channel. */
function metBy({ sigma, sign }: ErrorDraw, delta: Float32Array, { N, C, size }: ChannelShape): Float32Array {
  const sums = new Float32Array(C);
  for (let plane = 0; plane < N * C; plane++) {
    let sum = 0;
    for (let i = plane * size; i < (plane + 1) * size; i++) sum += sign(i) * delta[i]!;
    sums[plane % C]! += sigma * sum;
  }
  return sums;
}

/**
 * One draw of −g/M·(u·∇γ + x̂·D), the error of ∇x, for `sums` D ÷ f. Signs of these are their own, one for a channel at
 * one standard deviation, unless the same errors have come by another way too: then all have theirs.
 */
function sentError(
  run: Backward,
  { errs, zeros, centre, slope, gain, dgamma }: Seen,
  shape: ChannelShape,
  saved: Tensor,
  { sigma, gated, sign }: ErrorDraw,
  sums: Float32Array,
): Tensor {
  const M = shape.N * shape.size;
  const dx = run.empty(saved.shape);
  const [coherent, zero] = [run.empty([shape.C]), run.empty([shape.C])];
  const own = new Float32Array(shape.C);
  for (let c = 0; c < shape.C; c++) {
    const scale = (gain[c]! * slope[c]! ** 2) / M;
    coherent.data[c] = scale * sums[c]!;
    own[c] = scale * dgamma[c]! * Math.sqrt(errs[c]! * sigma ** 2 + zeros[c]! * (gated ** 2 - sigma ** 2));
  }
  run.engine.kernels.fill(zero.data, 0);
  run.engine.kernels.batchNormForward(dx.data, saved.data, centre, slope, coherent.data, zero.data, shape);
  const values = dx.data;
  for (let i = 0; i < values.length; i++) values[i]! += sign(i) * own[Math.floor(i / shape.size) % shape.C]!;
  for (const tensor of [coherent, zero]) tensor.dispose();
  return dx;
}

const affine = ({ weight, bias }: BatchNormState) => [weight.value.data, bias.value.data] as const;

/** x: N × C × H × W. Weight, bias and running statistics: C. */
export function batchNorm2d(x: Tensor, state: BatchNormState, site?: string): Tensor {
  if (x.shape.length !== 4 || x.shape[1] !== state.weight.value.size) {
    throw new ShapeError({
      where: site ?? "batchNorm2d",
      expected: `N × ${state.weight.value.size} × H × W`,
      got: `[${x.shape}]`,
      remedy: "give the layer as many channels as the tensor has",
    });
  }
  return apply(batchNorm2dOp, [x], state, site);
}
