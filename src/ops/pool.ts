/**
 * Pooling. The backward of max pooling sends δ to the position of each window's maximum, so it needs only that position, in
 * ⌈log2(R·S)⌉ bits. Average pooling saves nothing.
 */

import type { Op } from "../engine/op.js";
import { apply } from "../engine/tape.js";
import type { Tensor } from "../engine/tensor.js";
import { ShapeError } from "../error.js";
import type { PoolShape } from "../kernels/kernels.js";
import { checkWhole, imageExtents, outputExtent } from "./window.js";

export interface PoolOptions {
  /** The height and the width of the window. */
  kernel: number;
  /** Default: the extent of the window. */
  stride?: number;
  padding?: number;
  /** For max pooling: adds the windows that begin inside the image and reach over its far edge. */
  ceil?: boolean;
}

interface PoolAttributes {
  pool: PoolShape;
  input: readonly number[];
  output: readonly number[];
}

/** The output extent for `extent` pixels. */
export function pooledExtent(
  extent: number,
  { kernel, stride = kernel, padding = 0, ceil = false }: PoolOptions,
): number {
  const whole = outputExtent(extent, kernel, { stride, padding });
  const reaches = (extent + 2 * padding - kernel) % stride !== 0 && whole * stride - padding < extent;
  return ceil && reaches ? whole + 1 : whole;
}

/** The pooling of an N × C × H × W input. Throws a ShapeError that names the layer. */
export function poolShape(where: string, input: readonly number[], options: PoolOptions): PoolShape {
  const { kernel, stride = kernel, padding = 0 } = options;
  checkWhole(where, { kernel: [kernel, 1], stride: [stride, 1], padding: [padding, 0] });
  const [N, C, H, W] = imageExtents(where, input);
  const P = pooledExtent(H, options);
  const Q = pooledExtent(W, options);
  if (!(P >= 1 && Q >= 1) || 2 * padding > kernel) {
    throw new ShapeError({
      where,
      expected: `H and W of at least ${kernel - 2 * padding}, padding at most half the window`,
      got: `[${input}], window ${kernel}, padding ${padding}`,
      remedy: "use larger images or a smaller window",
    });
  }
  return { planes: N * C, H, W, R: kernel, S: kernel, P, Q, stride, padding };
}

function poolAttributes(where: string, { shape }: Tensor, options: PoolOptions): PoolAttributes {
  const pool = poolShape(where, shape, options);
  return { pool, input: shape, output: [shape[0]!, shape[1]!, pool.P, pool.Q] };
}

/** The number of bits for a position in a window. */
export const indexBits = ({ R, S }: Pick<PoolShape, "R" | "S">): number =>
  Math.max(1, 32 - Math.clz32(R * S - 1));

export const maxPool2dOp: Op<PoolAttributes> = {
  name: "maxPool2d",
  saves: { index: "bits" },
  selects: true,
  forward(run, [x], { pool, output }) {
    const { kernels, device } = run.engine;
    const y = run.empty(output);
    const places = device.allocate(y.size, "activations", run.site);
    kernels.maxPool(y.data, device.u8(places), x!.data, pool);
    const bits = indexBits(pool);
    const index = device.allocate(
      run.recording ? Math.ceil((y.size * bits) / 8) : 1,
      "activations",
      run.site,
      "high",
    );
    if (run.recording) kernels.packBits(device.u8(index), device.u8(places), bits);
    device.free(places);
    return { y, saved: { index } };
  },
  backward(run, dy, { pool, input }) {
    const { kernels, device } = run.engine;
    const places = device.allocate(dy.size, "gradients", run.site);
    kernels.unpackBits(device.u8(places), run.bits("index"), indexBits(pool));
    const dx = run.empty(input);
    kernels.maxPoolBackward(dx.data, dy.data, device.u8(places), pool);
    device.free(places);
    dy.dispose();
    return [dx];
  },
};

export const maxPool2d = (x: Tensor, options: PoolOptions, site?: string): Tensor =>
  apply(maxPool2dOp, [x], poolAttributes(site ?? "maxPool2d", x, options), site);

export const avgPool2dOp: Op<PoolAttributes> = {
  name: "avgPool2d",
  saves: {},
  forward(run, [x], { pool, output }) {
    const y = run.empty(output);
    run.engine.kernels.avgPool(y.data, x!.data, pool);
    return { y };
  },
  backward(run, dy, { pool, input }) {
    const dx = run.empty(input);
    run.engine.kernels.avgPoolBackward(dx.data, dy.data, pool);
    dy.dispose();
    return [dx];
  },
};

export const avgPool2d = (x: Tensor, options: Omit<PoolOptions, "ceil">, site?: string): Tensor =>
  apply(avgPool2dOp, [x], poolAttributes(site ?? "avgPool2d", x, options), site);
