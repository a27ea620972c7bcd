/**
 * Elementwise ops, and flatten, which only renames the axes.
 *
 *   relu     y = max(x, 0)      ∇x = δ where y ≠ 0: backward needs only the support of y (proofs: Gradient.relu_exact)
 *   add      y = a + b          ∇a = ∇b = δ
 *   dropout  y = x·m/(1 − p)    ∇x = δ·m/(1 − p), m has one bit for each element
 */

import type { Op, Recomputation } from "../engine/op.js";
import { apply } from "../engine/tape.js";
import { sizeOf, type Tensor } from "../engine/tensor.js";
import { ShapeError, UsageError } from "../error.js";

export const reluOp: Op<null> = {
  name: "relu",
  saves: { y: "support" },
  forward(run, [x]) {
    const y = rectified(run, x!);
    return { y, saved: { y } };
  },
  backward: (run, dy) => [run.gate("y", dy)],
  recomputable: {
    recompute: (run, [x]) => rectified(run, x!),
    rectifies: true,
  },
};

/** max(x, 0). Consumes x. */
function rectified({ engine, site }: Pick<Recomputation, "engine" | "site">, x: Tensor): Tensor {
  const values = x.data;
  const y = x.recycle(site);
  engine.kernels.relu(y.data, values);
  return y;
}

export const relu = (x: Tensor, site?: string): Tensor => apply(reluOp, [x], null, site);

export const addOp: Op<null> = {
  name: "add",
  saves: {},
  forward: (run, [a, b]) => ({ y: sum(run, a!, b!) }),
  backward: (_run, dy) => [dy.ref, dy],
  recomputable: {
    recompute: (run, [a, b]) => sum(run, a!, b!),
    /** a = y − b */
    recover({ engine, site }, y, [b]) {
      const values = y.data;
      const a = y.recycle(site);
      engine.kernels.subtract(a.data, values, b!.data);
      b!.dispose();
      return a;
    },
  },
};

/** a + b. Consumes both. */
function sum({ engine, site }: Pick<Recomputation, "engine" | "site">, a: Tensor, b: Tensor): Tensor {
  const values = a.data;
  const y = a.recycle(site);
  engine.kernels.add(y.data, values, b.data);
  b.dispose();
  return y;
}

export function add(a: Tensor, b: Tensor, site?: string): Tensor {
  if (a.shape.join() !== b.shape.join()) {
    throw new ShapeError({
      where: site ?? "add",
      expected: `[${a.shape}]`,
      got: `[${b.shape}]`,
      remedy: "add tensors of one shape",
    });
  }
  return apply(addOp, [a, b], null, site);
}

export const dropoutOp: Op<{ p: number; seed: number }> = {
  name: "dropout",
  saves: { mask: "bits" },
  forward(run, [x], { p, seed }) {
    const { kernels, device } = run.engine;
    const mask = device.allocate(Math.ceil(x!.size / 8), "activations", run.site);
    kernels.dropoutMask(device.u8(mask), x!.size, p, seed);
    const values = x!.data;
    const y = x!.recycle(run.site);
    kernels.applyMask(y.data, values, device.u8(mask), 1 / (1 - p));
    return { y, saved: { mask } };
  },
  backward(run, dy, { p }) {
    const values = dy.data;
    const dx = dy.recycle(run.site);
    run.engine.kernels.applyMask(dx.data, values, run.bits("mask"), 1 / (1 - p));
    return [dx];
  },
};

/** Zeroes each element with probability p and scales the rest by 1/(1 − p). `seed`: 32 bits; equal seeds give equal masks. */
export function dropout(x: Tensor, p: number, seed: number, site?: string): Tensor {
  if (!(p >= 0 && p < 1)) {
    throw new UsageError({
      where: site ?? "dropout",
      expected: "a probability in [0, 1)",
      got: String(p),
      remedy: "give for example 0.5",
    });
  }
  return p === 0 ? x : apply(dropoutOp, [x], { p, seed }, site);
}

const reshapeOp: Op<{ from: readonly number[]; to: readonly number[] }> = {
  name: "flatten",
  saves: {},
  forward: (_run, [x], { to }) => ({ y: x!.move(to, null) }),
  backward: (_run, dy, { from }) => [dy.move(from, null)],
};

/** N × … → N × everything else. */
export function flatten(x: Tensor, site?: string): Tensor {
  const [N, ...rest] = x.shape;
  return apply(reshapeOp, [x], { from: x.shape, to: [N!, sizeOf(rest)] }, site);
}
