/**
 * Adaptive average pooling, to any given extent: output p of P is the mean of rows ⌊p·H/P⌋ … ⌈(p+1)·H/P⌉ − 1, likewise
 * columns. Nothing is saved. Most uses need no windows: from H × W to H × W nothing is done, and to 1 × 1 it is the mean
 * of each plane. Other extents occur where a network made for large images gets small ones; plain TypeScript computes
 * those few values.
 */

import type { Op } from "../engine/op.js";
import { apply } from "../engine/tape.js";
import { sizeOf, type Tensor } from "../engine/tensor.js";
import type { ChannelShape } from "../kernels/kernels.js";
import { checkWhole, imageExtents } from "./window.js";

const { fround } = Math;

/** Takes every plane as a channel of one image. */
const planesOf = ([N, C, ...rest]: readonly number[]): ChannelShape => ({
  N: 1,
  C: N! * C!,
  size: sizeOf(rest),
});

interface Extents {
  input: readonly number[];
  output: readonly number[];
}

/** y = Σ x / (H·W) over each plane; ∇x is δ/(H·W) for every value of the plane. */
export const planeMeanOp: Op<Extents> = {
  name: "planeMean",
  saves: {},
  forward(run, [x], { input, output }) {
    const { kernels } = run.engine;
    const planes = planesOf(input);
    const y = run.empty(output);
    kernels.biasGradient(y.data, x!.data, planes);
    kernels.scale(y.data, y.data, 1 / planes.size);
    return { y };
  },
  backward(run, dy, { input }) {
    const { kernels } = run.engine;
    const planes = planesOf(input);
    const incoming = dy.data;
    const shares = dy.recycle(run.site);
    kernels.scale(shares.data, incoming, 1 / planes.size);
    const dx = run.empty(input);
    kernels.fill(dx.data, 0);
    kernels.addBias(dx.data, shares.data, planes);
    shares.dispose();
    return [dx];
  },
};

/** Calls `visit` with each output element, the elements of its window, and their number. */
function windows({ input, output }: Extents, visit: (to: number, from: readonly number[]) => void): void {
  const [N, C, H, W] = input as [number, number, number, number];
  const [, , P, Q] = output as [number, number, number, number];
  const range = (i: number, extent: number, outputs: number): number[] => {
    const [start, end] = [Math.floor((i * extent) / outputs), Math.ceil(((i + 1) * extent) / outputs)];
    return Array.from({ length: end - start }, (_, k) => start + k);
  };
  for (let plane = 0; plane < N * C; plane++) {
    for (let p = 0; p < P; p++) {
      for (let q = 0; q < Q; q++) {
        const columns = range(q, W, Q);
        const places = range(p, H, P).flatMap((h) => columns.map((w) => (plane * H + h) * W + w));
        visit((plane * P + p) * Q + q, places);
      }
    }
  }
}

export const adaptiveAvgPool2dOp: Op<Extents> = {
  name: "adaptiveAvgPool2d",
  saves: {},
  forward(run, [x], extents) {
    const y = run.empty(extents.output);
    const [from, to] = [x!.data, y.data];
    windows(extents, (output, places) => {
      to[output] = places.reduce((sum, i) => fround(sum + from[i]!), 0) / places.length;
    });
    return { y };
  },
  backward(run, dy, extents) {
    const dx = run.empty(extents.input);
    run.engine.kernels.fill(dx.data, 0);
    const [from, to] = [dy.data, dx.data];
    windows(extents, (output, places) => {
      const share = fround(from[output]! / places.length);
      for (const i of places) to[i] = to[i]! + share;
    });
    dy.dispose();
    return [dx];
  },
};

/** x: N × C × H × W → N × C × extent × extent. */
export function adaptiveAvgPool2d(x: Tensor, extent: number, site?: string): Tensor {
  const where = site ?? "adaptiveAvgPool2d";
  checkWhole(where, { extent: [extent, 1] });
  const [N, C, H, W] = imageExtents(where, x.shape);
  if (H === extent && W === extent) return x;
  const extents = { input: x.shape, output: [N, C, extent, extent] };
  return apply(extent === 1 ? planeMeanOp : adaptiveAvgPool2dOp, [x], extents, where);
}
