/**
 * The noise law of batch normalisation. An error e in what is saved is one of u = f·e in x̂, where f is the slope of x̂ by
 * what is saved. With D = Σδ·u and g = γ/√(v + ε),
 *
 *   ∇γ is off by D                                σ² = f²·Var(e)·Σδ²
 *   ∇x is off by −g/M · (u·∇γ + x̂·D + u·D)        σ² = g²f²·Var(e)/M² · (∇γ²·(1 + 2/M) + Σδ²), the mean over a channel,
 *
 * less the product of two errors. The second error travels upstream and adds to the noise of every layer below. Where
 * δ = 0, which is where a following ReLU lets nothing through, e has no part in D: only u·∇γ is left, and that is little.
 * proofs: Gradient.batchnorm_gamma, Gradient.batchnorm_error, Gradient.batchnorm_variance
 */
import type { ErrorDraw, NoiseLaw, NoiseRun, Observation } from "../engine/noise.js";
import type { Parameter } from "../engine/parameter.js";
import { sizeOf, type Tensor } from "../engine/tensor.js";
import type { ChannelShape } from "../kernels/kernels.js";
import { meanSquare } from "./pass.js";

/** How x̂ = (saved − centre)·slope follows from what is saved, be it the input or the output. One value a channel. */
export interface NormForm<Values = Tensor> {
  centre: Float32Array;
  /** f. */
  slope: Values;
  /** g ÷ f. */
  gain: Values;
}

/** N, C and the size of a plane. */
export const channelsOf = ([N, C, ...rest]: readonly number[]): ChannelShape => ({
  N: N!,
  C: C!,
  size: sizeOf(rest),
});

/** The law of a form of the op that saves `name`, and exactly `mean` and `invStd`. */
export const batchNormNoise = <A extends { weight: Parameter }>(
  name: string,
  formOf: (run: Pick<NoiseRun, "empty">, attributes: A, mean: Tensor, invStd: Tensor) => NormForm,
): NoiseLaw<A> => ({
  watch(run, dy, attributes) {
    const { weight } = attributes;
    const shape = channelsOf(dy.shape);
    const incoming = incomingTerms(run, name, dy, shape);
    const draw = run.draw(name, 0);
    const met = draw?.again ? metBy(draw, dy.data, shape) : null;
    const form = copied(run, (mean, invStd) => formOf(run, attributes, mean, invStd));
    const gradient = { values: new Float32Array(), signal: 0 };
    return {
      parameter(parameter, dgamma) {
        if (parameter !== weight) return;
        gradient.values = dgamma.data.slice();
        gradient.signal = meanSquare(dgamma);
      },
      inputs([dx]) {
        const seen = { ...incoming, ...form, dgamma: gradient.values, signal: gradient.signal };
        run.record(name, observation(seen, shape, meanSquare(dx!)));
        if (!draw) return;
        const sums =
          met ?? seen.squares.map((square, c) => draw.sign(-1 - c) * draw.sigma * Math.sqrt(square));
        const saved = run.look(name);
        run.send(0, sentError(run, seen, shape, saved, draw, sums));
        saved.dispose();
        if (met) {
          run.err(
            weight,
            met.map((sum, c) => form.slope[c]! * sum),
          );
        }
      },
    };
  },
});

/** A form that stays when the op's backward has used up its tensors. */
function copied(run: NoiseRun, formOf: (mean: Tensor, invStd: Tensor) => NormForm): NormForm<Float32Array> {
  const [mean, invStd] = [run.look("mean"), run.look("invStd")];
  const { centre, slope, gain } = formOf(mean, invStd);
  const copy = { centre: centre.slice(), slope: slope.data.slice(), gain: gain.data.slice() };
  for (const tensor of [mean, invStd, slope, gain]) tensor.dispose();
  return copy;
}

/** Of each channel. `errs` is 1, and every δ counts alike, unless the saved tensor is made from several. */
interface Incoming {
  /** Σδ². */
  squares: Float32Array;
  /** The mean variance of the errors ÷ the largest. */
  errs: Float32Array;
  /** The share of the δ that are 0. */
  zeros: Float32Array;
}

function incomingTerms(run: NoiseRun, name: string, dy: Tensor, shape: ChannelShape): Incoming {
  const addends = run.addends(name);
  const total = addends.reduce((sum, { variance }) => sum + variance, 0);
  const zeros = nonZero(run, dy.data, shape).map((share) => 1 - share);
  if (total === 0) {
    return { zeros, squares: squaresOf(run, dy.data, shape), errs: zeros.map(() => 1) };
  }
  const [squares, errs] = [new Float32Array(shape.C), new Float32Array(shape.C)];
  for (const addend of addends) {
    const weight = addend.variance / total;
    let first = 0;
    for (const x of addend.parts()) {
      const part = channelsOf(x.shape);
      // An addend errs where it is not 0, and only there a δ meets its error.
      const met = run.empty(x.shape);
      run.engine.kernels.reluBackward(met.data, dy.data.subarray(first, first + x.size), x.data);
      const found = squaresOf(run, met.data, part);
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

/** The share of each channel's values that are not 0. */
function nonZero(run: NoiseRun, x: Float32Array, { N, C, size }: ChannelShape): Float32Array {
  const { kernels } = run.engine;
  const image = C * size;
  const [ones, kept] = [run.empty([image]), run.empty([image])];
  kernels.fill(ones.data, 1);
  const counts = new Float64Array(C);
  for (let n = 0; n < N; n++) {
    // The ones that stay are counted by their squares.
    kernels.reluBackward(kept.data, ones.data, x.subarray(n * image, (n + 1) * image));
    squaresOf(run, kept.data, { N: 1, C, size }).forEach((count, c) => {
      counts[c]! += count;
    });
  }
  for (const tensor of [ones, kept]) tensor.dispose();
  return Float32Array.from(counts, (count) => count / (N * size));
}

/** The sum of squares of each channel. */
function squaresOf(run: NoiseRun, x: Float32Array, { N, C, size }: ChannelShape): Float32Array {
  const planes = run.empty([N * C]);
  run.engine.kernels.dotPlanes(planes.data, x, x, { planes: N * C, size });
  const sums = new Float64Array(C);
  planes.data.forEach((square, plane) => {
    sums[plane % C]! += square;
  });
  planes.dispose();
  return Float32Array.from(sums);
}

interface Seen extends Incoming, NormForm<Float32Array> {
  dgamma: Float32Array;
  /** The mean square of dgamma. */
  signal: number;
}

/** The law's terms, as the head of this file has them. */
function observation(
  { squares, errs, zeros, slope, gain, dgamma, signal }: Seen,
  { N, C, size }: ChannelShape,
  upstreamSignal: number,
): Omit<Observation, "arrived"> {
  const M = N * size;
  /** The mean over the channels of g²f²/M² · term. */
  const travelling = (term: (c: number) => number) =>
    slope.reduce((sum, f, c) => sum + (gain[c]! * f * f) ** 2 * term(c), 0) / (C * M * M);
  return {
    energy: slope.map((f, c) => f * f * squares[c]!),
    signal,
    meanLoss: Number.NaN,
    nonZero: 1,
    batch: N,
    deltaGain: M,
    upstream: {
      noise: travelling((c) => dgamma[c]! ** 2 * (errs[c]! + 2 / M) + squares[c]!),
      gated: travelling((c) => dgamma[c]! ** 2 * zeros[c]!),
      signal: upstreamSignal,
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
 * One draw of −g/M·(u·∇γ + x̂·D), the error of ∇x, for `sums` D ÷ f. The signs of D are its own, one for each channel at
 * one standard deviation, unless the same errors have also come another way: then D is made of the errors' own signs.
 */
function sentError(
  run: NoiseRun,
  { errs, zeros, centre, slope, gain, dgamma }: Seen,
  shape: ChannelShape,
  saved: Tensor,
  { sigma, gated, sign }: ErrorDraw,
  sums: Float32Array,
): Tensor {
  const M = shape.N * shape.size;
  const dx = run.empty(saved.shape);
  const [coherent, zero] = [run.empty([shape.C]), run.empty([shape.C])];
  const [centres, slopes] = [centre, slope].map((values) => onDevice(run, values)) as [Tensor, Tensor];
  const own = new Float32Array(shape.C);
  for (let c = 0; c < shape.C; c++) {
    const scale = (gain[c]! * slope[c]! ** 2) / M;
    coherent.data[c] = scale * sums[c]!;
    own[c] = scale * dgamma[c]! * Math.sqrt(errs[c]! * sigma ** 2 + zeros[c]! * (gated ** 2 - sigma ** 2));
  }
  const { kernels } = run.engine;
  kernels.fill(zero.data, 0);
  kernels.batchNormForward(dx.data, saved.data, centres.data, slopes.data, coherent.data, zero.data, shape);
  const values = dx.data;
  for (let i = 0; i < values.length; i++) values[i]! += sign(i) * own[Math.floor(i / shape.size) % shape.C]!;
  for (const tensor of [coherent, zero, centres, slopes]) tensor.dispose();
  return dx;
}

/** Kernels read the device's memory only. */
function onDevice(run: NoiseRun, values: Float32Array): Tensor {
  const tensor = run.empty([values.length]);
  tensor.data.set(values);
  return tensor;
}
