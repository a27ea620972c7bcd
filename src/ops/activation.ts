/**
 * Smooth activations.
 *
 *   sigmoid  y = σ(x) = 1/(1 + e^−x)      ∇x = δ·y·(1 − y)
 *   silu     y = x·σ(x)                   ∇x = δ·f'(x),  f' = σ·(1 + x·(1 − σ))
 *
 * Noise law of silu. With x + e in place of x, ∇x is off by δ·f''(x)·e to first order, f'' = σ(1 − σ)(2 + x(1 − 2σ)).
 * |f''| is at most ½, its value at 0, so
 *   worst case   |error of ∇x| ≤ ½·|δ|·eb          (exactly: f' is Lipschitz with constant ½)
 *   in the mean  σ² = eb²/3 · Σ (δ·f''(x))²         for independent uniform errors
 * This error travels upstream. Kept exactly, it does not arise.
 */
import { apply, type Op } from "../op.js";
import type { Tensor } from "../tensor.js";

export const sigmoidOp: Op<null> = {
  name: "sigmoid",
  saves: { y: "exact" },
  forward(run, [x]) {
    const values = x!.data;
    const y = x!.recycle(run.site);
    run.engine.kernels.sigmoid(y.data, values);
    return { y, saved: { y } };
  },
  backward(run, dy) {
    const y = run.take("y");
    const incoming = dy.data;
    const dx = dy.recycle(run.site);
    run.engine.kernels.sigmoidBackward(dx.data, incoming, y.data);
    y.dispose();
    return [dx];
  },
};

export const sigmoid = (x: Tensor, site?: string): Tensor => apply(sigmoidOp, [x], null, site);

export const siluOp: Op<null> = {
  name: "silu",
  saves: { x: "exact" },
  forward(run, [x]) {
    const y = run.empty(x!.shape);
    run.engine.kernels.silu(y.data, x!.data);
    return { y, saved: { x: x! } };
  },
  backward(run, dy) {
    const x = run.take("x");
    const incoming = dy.data;
    const dx = dy.recycle(run.site);
    run.engine.kernels.siluBackward(dx.data, incoming, x.data);
    x.dispose();
    return [dx];
  },
  cheap: {
    recompute(again, [x]) {
      const values = x!.data;
      const y = x!.recycle(again.site);
      again.engine.kernels.silu(y.data, values);
      return y;
    },
  },
};

export const silu = (x: Tensor, site?: string): Tensor => apply(siluOp, [x], null, site);
