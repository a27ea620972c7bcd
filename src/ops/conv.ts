/**
 * Convolution and the fully connected layer. Their weight gradients need their inputs, which are most of what training
 * saves: COMET was designed for them.
 *
 *   y[n,k,p,q]  = b[k] + Σ_{c,r,s} x[n,c,p·stride+r−pad,q·stride+s−pad] · w[k,c,r,s]
 *   ∇w[k,c,r,s] = Σ_{n,p,q} δ[n,k,p,q] · x[n,c,…]          δ = ∇y
 *   ∇b[k]       = Σ_{n,p,q} δ[n,k,p,q]
 *   ∇x          = the transposed convolution of δ with w: needs no x
 *
 * noise/conv.ts has the noise law of both ops.
 */

import type { Backward, GradientWriter, Op } from "../engine/op.js";
import type { Parameter } from "../engine/parameter.js";
import { apply } from "../engine/tape.js";
import type { Tensor } from "../engine/tensor.js";
import { ShapeError } from "../error.js";
import type { ChannelShape, Conv2dShape } from "../kernels/kernels.js";
import { conv2dNoise, linearNoise } from "../noise/conv.js";
import { checkWhole, outputExtent } from "./window.js";

export interface Conv2dOptions {
  stride?: number;
  padding?: number;
  groups?: number;
}

interface Weights {
  weight: Parameter;
  bias: Parameter | null;
}

export const parameters = ({ weight, bias }: Weights): Parameter[] => (bias ? [weight, bias] : [weight]);

export interface Conv2dAttributes extends Weights {
  shape: Conv2dShape;
}

/** K × C/groups × R × R. Throws a ShapeError for numbers that give no such shape, before anything is allocated. */
export function conv2dWeightShape(
  where: string,
  [inChannels, outChannels, kernel]: readonly [number, number, number],
  { stride = 1, padding = 0, groups = 1 }: Conv2dOptions = {},
): number[] {
  checkWhole(where, {
    inChannels: [inChannels, 1],
    outChannels: [outChannels, 1],
    kernel: [kernel, 1],
    stride: [stride, 1],
    padding: [padding, 0],
    groups: [groups, 1],
  });
  if (inChannels % groups !== 0 || outChannels % groups !== 0) {
    throw new ShapeError({
      where,
      expected: `numbers of channels that ${groups} groups share evenly`,
      got: `${inChannels} to ${outChannels}`,
      remedy: "choose groups that divide both",
    });
  }
  return [outChannels, inChannels / groups, kernel, kernel];
}

/** The shape of a convolution of an N × C × H × W input. Throws a ShapeError that names the layer. */
export function conv2dShape(
  where: string,
  input: readonly number[],
  weight: readonly number[],
  { stride = 1, padding = 0, groups = 1 }: Conv2dOptions = {},
): Conv2dShape {
  checkWhole(where, { stride: [stride, 1], padding: [padding, 0], groups: [groups, 1] });
  if (input.length !== 4 || weight.length !== 4) {
    throw new ShapeError({
      where,
      expected: "an input N × C × H × W and a weight K × C/groups × R × S",
      got: `[${input}] and [${weight}]`,
      remedy: "give both four dimensions",
    });
  }
  const [N, C, H, W] = input as [number, number, number, number];
  const [K, perGroup, R, S] = weight as [number, number, number, number];
  const P = outputExtent(H, R, { stride, padding });
  const Q = outputExtent(W, S, { stride, padding });
  if (C !== perGroup * groups || K % groups !== 0) {
    throw new ShapeError({
      where,
      expected: `N × ${perGroup * groups} × H × W (weight [${weight}], groups ${groups})`,
      got: `[${input}]`,
      remedy: "give the layer as many input channels as the tensor has",
    });
  }
  if (!(P >= 1 && Q >= 1)) {
    throw new ShapeError({
      where,
      expected: `an image of at least ${R - 2 * padding} × ${S - 2 * padding}`,
      got: `[${input}]`,
      remedy: "use larger images or a network made for small ones",
    });
  }
  return { N, C, H, W, K, R, S, P, Q, stride, padding, groups };
}

/** Adds the gradient of the bias, which is the same for both ops. */
function accumulateBias(run: Backward, bias: Parameter | null, dy: Tensor, shape: ChannelShape): void {
  if (bias === null) return;
  const db = run.empty([shape.C]);
  run.engine.kernels.biasGradient(db.data, dy.data, shape);
  run.accumulate(bias, db);
}

export const conv2dOp: Op<Conv2dAttributes> = {
  name: "conv2d",
  saves: { x: "value" },
  noise: conv2dNoise,
  parameter: ({ weight }) => weight,
  parameters,
  forward(run, [x], { shape, weight, bias }) {
    const y = run.empty([shape.N, shape.K, shape.P, shape.Q]);
    run.engine.kernels.conv2dForward(y.data, x!.data, weight.value.data, bias?.value.data ?? null, shape);
    return { y, saved: { x: x! } };
  },
  backward(run, dy, { shape, weight, bias }) {
    const { kernels } = run.engine;
    const dw = run.empty(weight.value.shape);
    const size = shape.K * shape.P * shape.Q;
    let first = 0;
    for (const x of run.takeParts("x")) {
      const part = { ...shape, N: x.shape[0]! };
      const delta = dy.data.subarray(first * size, (first + part.N) * size);
      kernels.conv2dWeightGradient(dw.data, delta, x.data, part, first > 0);
      first += part.N;
      x.dispose();
    }
    run.accumulate(weight, dw);
    accumulateBias(run, bias, dy, { N: shape.N, C: shape.K, size: shape.P * shape.Q });
    const { N, C, H, W } = shape;
    const write: GradientWriter = (dx, first, count) => {
      const delta = dy.data.subarray(first * size, (first + count) * size);
      kernels.conv2dInputGradient(dx, delta, weight.value.data, { ...shape, N: count });
    };
    const dx = run.wants(0) ? run.contribute(0, [N, C, H, W], write) : null;
    dy.dispose();
    return [dx];
  },
};

/** Throws a ShapeError that names the layer. */
export function conv2dAttributes(
  x: Tensor,
  weight: Parameter,
  bias: Parameter | null,
  options: Conv2dOptions,
  where: string,
): Conv2dAttributes {
  return { weight, bias, shape: conv2dShape(where, x.shape, weight.value.shape, options) };
}

/** x: N × C × H × W, weight: K × C/groups × R × S, bias: K. */
export function conv2d(
  x: Tensor,
  weight: Parameter,
  bias: Parameter | null = null,
  options: Conv2dOptions = {},
  site?: string,
): Tensor {
  return apply(conv2dOp, [x], conv2dAttributes(x, weight, bias, options, site ?? "conv2d"), site);
}

export const linearOp: Op<Weights> = {
  name: "linear",
  saves: { x: "value" },
  noise: linearNoise,
  parameter: ({ weight }) => weight,
  parameters,
  forward(run, [x], { weight, bias }) {
    const [m, k, n] = [x!.shape[0]!, x!.shape[1]!, weight.value.shape[0]!];
    const { kernels } = run.engine;
    const y = run.empty([m, n]);
    kernels.gemm(y.data, x!.data, weight.value.data, { m, n, k, transposeA: false, transposeB: true });
    if (bias) kernels.addBias(y.data, bias.value.data, { N: m, C: n, size: 1 });
    return { y, saved: { x: x! } };
  },
  backward(run, dy, { weight, bias }) {
    const { kernels } = run.engine;
    const [K, C] = weight.value.shape as [number, number];
    const N = dy.shape[0]!;
    let dx: Tensor | null = null;
    if (run.wants(0)) {
      dx = run.empty([N, C]);
      const shape = { m: N, n: C, k: K, transposeA: false, transposeB: false };
      kernels.gemm(dx.data, dy.data, weight.value.data, shape);
    }
    accumulateBias(run, bias, dy, { N, C: K, size: 1 });
    const x = run.take("x");
    run.accumulate(weight, (dw, first, count) => {
      const columns = run.empty([N, count]);
      const [to, from] = [columns.data, dy.data];
      for (let n = 0; n < N; n++) {
        to.set(from.subarray(n * K + first, n * K + first + count), n * count);
      }
      kernels.gemm(dw, to, x.data, { m: count, n: C, k: N, transposeA: true, transposeB: false });
      columns.dispose();
    });
    x.dispose();
    dy.dispose();
    return [dx];
  },
};

/** x: N × C, weight: K × C, bias: K. */
export function linear(x: Tensor, weight: Parameter, bias: Parameter | null = null, site?: string): Tensor {
  if (x.shape.length !== 2 || weight.value.shape.length !== 2 || x.shape[1] !== weight.value.shape[1]) {
    throw new ShapeError({
      where: site ?? "linear",
      expected: `an input N × C for a weight K × C [${weight.value.shape}]`,
      got: `[${x.shape}]`,
      remedy: "flatten the input, or give the layer its size",
    });
  }
  return apply(linearOp, [x], { weight, bias }, site);
}
