/**
 * Batch normalisation. Over N·H·W = M values of a channel, with x̂ = (x − μ)/√(v + ε):
 *
 *   y  = γ·x̂ + β
 *   ∇β = Σδ      ∇γ = Σδ·x̂      ∇x = γ/√(v + ε) · (δ − ∇β/M − x̂·∇γ/M)
 *
 * Here the saved input reaches both ∇γ and the gradient that travels upstream, so it is kept exactly.
 * proofs: Gradient.batchnorm_error
 */
import { ShapeError } from "../error.js";
import type { ChannelShape } from "../kernels/kernels.js";
import { apply, type Op, type Parameter } from "../op.js";
import { sizeOf, type Tensor } from "../tensor.js";

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

export const batchNorm2dOp: Op<BatchNormState> = {
  name: "batchNorm2d",
  saves: { x: "exact", mean: "exact", invStd: "exact" },
  forward(run, [x], state) {
    const { kernels } = run.engine;
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
    const y = run.empty(x!.shape);
    kernels.batchNormForward(
      y.data,
      x!.data,
      mean.data,
      invStd.data,
      state.weight.value.data,
      state.bias.value.data,
      shape,
    );
    return { y, saved: { x: x!, mean, invStd } };
  },
  backward(run, dy, { weight, bias, training }) {
    const { kernels } = run.engine;
    const shape = channels(dy.shape);
    const [x, mean, invStd] = [run.take("x"), run.take("mean"), run.take("invStd")];
    const [dgamma, dbeta] = [run.empty([shape.C]), run.empty([shape.C])];
    const incoming = dy.data;
    const dx = training ? dy.recycle(run.site) : run.empty(dy.shape);
    const gamma = weight.value.data;
    kernels.batchNormBackward(
      dx.data,
      dgamma.data,
      dbeta.data,
      incoming,
      x.data,
      mean.data,
      invStd.data,
      gamma,
      shape,
    );
    if (!training) {
      // Running statistics are constants: ∇x = γ/√(v + ε)·δ, the forward map without its shift.
      const zero = run.empty([shape.C]);
      kernels.fill(zero.data, 0);
      kernels.batchNormForward(dx.data, incoming, zero.data, invStd.data, gamma, zero.data, shape);
      zero.dispose();
      dy.dispose();
    }
    for (const tensor of [x, mean, invStd]) tensor.dispose();
    run.accumulate(weight, dgamma);
    run.accumulate(bias, dbeta);
    return [dx];
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
  return apply(batchNorm2dOp, [x], state, site);
}
