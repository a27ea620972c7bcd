/**
 * Batch normalisation. Over N·H·W = M values of a channel, with x̂ = (x − μ)/√(v + ε):
 *
 *   y  = γ·x̂ + β
 *   ∇β = Σδ      ∇γ = Σδ·x̂      ∇x = γ/√(v + ε) · (δ − ∇β/M − x̂·∇γ/M)
 *
 * Backward needs x̂ = (saved − centre)·slope, and either tensor may be saved:
 *
 *   the input    x̂ = (x − μ)·1/√(v + ε)      γ/√(v + ε) = γ·slope
 *   the output   x̂ = (y − β)·1/γ             γ/√(v + ε) = γ·(γ/√(v + ε))·slope
 *
 * noise/norm.ts has the noise law of both.
 */

import type { Backward, Op, Preview } from "../engine/op.js";
import type { Parameter } from "../engine/parameter.js";
import { apply } from "../engine/tape.js";
import type { Tensor } from "../engine/tensor.js";
import { ShapeError } from "../error.js";
import { batchNormNoise, channelsOf, type NormForm } from "../noise/norm.js";

export interface BatchNormState {
  weight: Parameter;
  bias: Parameter;
  /** Exponential averages for evaluation. Training steps update them, with the unbiased variance as PyTorch does. */
  runningMean: Tensor;
  runningVar: Tensor;
  eps: number;
  momentum: number;
  /** Whether the batch's own moments are used, and the running ones updated. */
  training: boolean;
}

type FormOf = (run: Pick<Backward, "empty">, state: BatchNormState, mean: Tensor, invStd: Tensor) => NormForm;

const byInput: FormOf = (_run, { weight }, mean, invStd) => ({
  centre: mean.data,
  slope: invStd.ref,
  gain: weight.value.ref,
});

const byOutput: FormOf = (run, { weight, bias }, _mean, invStd) => {
  const gamma = weight.value.data;
  const gain = run.empty([gamma.length]);
  gain.data.set(gamma.map((g, c) => g * Math.fround(g * invStd.data[c]!)));
  return { centre: bias.value.data, slope: inverse(run, weight), gain };
};

/** 1/γ */
function inverse(run: Pick<Backward, "empty">, { value }: Parameter): Tensor {
  const slope = run.empty(value.shape);
  slope.data.set(value.data.map((g) => 1 / g));
  return slope;
}

/** An error in y is one of 1/γ times its size in x̂: too much where |γ| is below this part of the largest. */
const smallest = 1 / 64;

function invertible({ weight }: BatchNormState): boolean {
  const sizes = weight.value.data.map(Math.abs);
  const largest = sizes.reduce((a, b) => Math.max(a, b), 0);
  return largest > 2 ** -60 && sizes.every((size) => size >= smallest * largest);
}

const affine = ({ weight, bias }: BatchNormState) => [weight.value.data, bias.value.data] as const;

/** The op that saves `saved`, its input x or its output y. */
const batchNorm = (saved: "x" | "y", formOf: FormOf): Op<BatchNormState> => ({
  name: "batchNorm2d",
  saves: { [saved]: "value", mean: "exact", invStd: "exact" },
  noise: batchNormNoise(saved, formOf),
  parameter: ({ weight }) => weight,
  parameters: ({ weight, bias }) => [weight, bias],
  forward(run, [x], state) {
    const { kernels } = run.engine;
    const shape = channelsOf(x!.shape);
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
    const values = x!.data;
    const keepsX = saved === "x" && run.recording;
    const y = keepsX ? run.empty(x!.shape) : x!.recycle(run.site);
    kernels.batchNormForward(y.data, values, mean.data, invStd.data, ...affine(state), shape);
    return { y, saved: { ...(keepsX ? { x: x! } : saved === "y" ? { y } : {}), mean, invStd } };
  },
  recomputable: {
    recompute(run, [x], state) {
      const [mean, invStd] = [run.look("mean"), run.look("invStd")];
      const values = x!.data;
      const y = x!.recycle(run.site);
      const shape = channelsOf(y.shape);
      run.engine.kernels.batchNormForward(y.data, values, mean.data, invStd.data, ...affine(state), shape);
      for (const tensor of [mean, invStd]) tensor.dispose();
      return y;
    },
  },
  backward(run, dy, state) {
    const { weight, bias, training } = state;
    // The saved values may be made again by means of these two.
    const [mean, invStd] = [run.look("mean"), run.look("invStd")];
    const form = formOf(run, state, mean, invStd);
    const [dgamma, dbeta] = [run.empty(mean.shape), run.empty(mean.shape)];
    const passed = { run, dy, form, dgamma: dgamma.data, dbeta: dbeta.data };
    let dx: Tensor;
    const sums = () => new GradientSums(mean.size, () => ({ centre: form.centre, slope: form.slope.ref }));
    if (!training) {
      sums()
        .over(dy, run.takeParts(saved, { light: true }))
        .write(passed);
      dx = scaled(run, dy, state, invStd);
    } else if (dy.storage.shared || run.fitsWhole(4 * dy.size)) {
      dx = wholeGradient(passed, run.take(saved));
    } else {
      const seen = run.preview instanceof GradientSums ? run.preview : null;
      (seen ?? sums().over(dy, run.takeParts(saved, { again: true, light: true }))).write(passed);
      dx = gradientOfParts(passed, run.takeParts(saved, { light: true }));
    }
    for (const tensor of [mean, invStd, form.slope, form.gain]) tensor.dispose();
    run.accumulate(weight, dgamma);
    run.accumulate(bias, dbeta);
    return [dx];
  },
});

/** What the parts of a backward pass share. */
interface Passed {
  run: Backward;
  dy: Tensor;
  form: NormForm;
  dgamma: Float32Array;
  dbeta: Float32Array;
}

/** dx over dy or, if another op needs that, over the saved values. Consumes both. */
function wholeGradient({ run, dy, form, dgamma, dbeta }: Passed, values: Tensor): Tensor {
  const [delta, x] = [dy.data, values.data];
  const [over, other] = dy.storage.exclusive() ? [dy, values] : [values, dy];
  const dx = over.recycle(run.site);
  run.engine.device.recategorise(dx.storage.block, "gradients");
  const { centre, slope, gain } = form;
  const shape = channelsOf(dx.shape);
  run.engine.kernels.batchNormBackward(
    dx.data,
    dgamma,
    dbeta,
    delta,
    x,
    centre,
    slope.data,
    gain.data,
    shape,
  );
  other.dispose();
  return dx;
}

/** How x̂ = (saved − centre)·slope. */
type Scale = Pick<NormForm, "centre" | "slope">;

/** ∇γ and ∇β from δ and the saved values, which come in parts. */
class GradientSums implements Preview {
  readonly #totals: Float64Array;
  readonly #scale: () => Scale;

  /** `scale`: makes the scale, for one part. */
  constructor(channels: number, scale: () => Scale) {
    this.#totals = new Float64Array(2 * channels);
    this.#scale = scale;
  }

  see(delta: Float32Array, x: Tensor): void {
    const { centre, slope } = this.#scale();
    // The op that saved x may have had it in another shape, but for the images.
    const [N, C] = [x.shape[0]!, centre.length];
    const shape = { N, C, size: x.size / (N * C) };
    const sums = x.engine.kernels.batchNormSums(delta, x.data, centre, slope.data, shape);
    for (let i = 0; i < sums.length; i++) this.#totals[i % this.#totals.length]! += sums[i]!;
    slope.dispose();
  }

  over(dy: Tensor, parts: Iterable<Tensor>): this {
    let first = 0;
    for (const x of parts) {
      this.see(dy.data.subarray(first, first + x.size), x);
      first += x.size;
      x.dispose();
    }
    return this;
  }

  write({ dgamma, dbeta }: Pick<Passed, "dgamma" | "dbeta">): void {
    for (let c = 0; c < dbeta.length; c++) {
      dbeta[c] = this.#totals[2 * c]!;
      dgamma[c] = this.#totals[2 * c + 1]!;
    }
  }
}

/** dx over dy, part by part, once the sums are known. Consumes dy. */
function gradientOfParts({ run, dy, form, dgamma, dbeta }: Passed, parts: Iterable<Tensor>): Tensor {
  const { N, C, size } = channelsOf(dy.shape);
  const { kernels } = run.engine;
  const { centre, slope, gain } = form;
  const dx = dy.recycle(run.site);
  let first = 0;
  for (const x of parts) {
    const delta = dx.data.subarray(first, first + x.size);
    const part = { N: x.shape[0]!, C, size };
    kernels.batchNormGradient(delta, dgamma, dbeta, delta, x.data, centre, slope.data, gain.data, part, N);
    first += x.size;
    x.dispose();
  }
  return dx;
}

/** With running statistics, which are constants: ∇x = γ/√(v + ε)·δ, the forward map without its shift. Consumes dy. */
function scaled(run: Backward, dy: Tensor, { weight }: BatchNormState, invStd: Tensor): Tensor {
  const { kernels } = run.engine;
  const incoming = dy.data;
  const dx = dy.recycle(run.site);
  const zero = run.empty(invStd.shape);
  kernels.fill(zero.data, 0);
  const [none, gamma] = [zero.data, weight.value.data];
  kernels.batchNormForward(dx.data, incoming, none, invStd.data, gamma, none, channelsOf(dx.shape));
  zero.dispose();
  return dx;
}

export const batchNorm2dOp: Op<BatchNormState> = {
  ...batchNorm("x", byInput),
  byOutput: {
    op: {
      ...batchNorm("y", byOutput),
      preview: {
        saved: "y",
        begin: (run, { weight, bias }) =>
          new GradientSums(weight.value.size, () => ({
            centre: bias.value.data,
            slope: inverse(run, weight),
          })),
      },
    },
    applies: invertible,
  },
};

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
  if (state.training && !x.engine.trial && x.size === x.shape[1]) {
    // The variance of one value is 0, and so would be every normalised value. A trial may run on a single image.
    throw new ShapeError({
      where: site ?? "batchNorm2d",
      expected: "more than one value of each channel in training",
      got: `[${x.shape}]`,
      remedy: "use larger images or a larger batch, or evaluate with running statistics",
    });
  }
  return apply(batchNorm2dOp, [x], state, site);
}
