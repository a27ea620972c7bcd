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
 * This error travels upstream. y itself, where an op above asks for it, is off by f'(x)·e.
 * proofs: Gradient.elementwise_bound, Gradient.gradient_variance
 */
import { apply, type Backward, meanSquare, type Op } from "../engine/op.js";
import { multiply } from "../engine/recipe.js";
import type { Tensor } from "../engine/tensor.js";
import { drawn, travelling } from "./travel.js";

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
  saves: { x: "value" },
  forward(run, [x]) {
    const y = run.empty(x!.shape);
    run.engine.kernels.silu(y.data, x!.data);
    return { y, saved: { x: x! } };
  },
  backward(run, dy) {
    const sensitivity = run.observing ? run.sensitivity("x", 0, dy.shape[0]!) : null;
    const draw = run.draw("x", 0);
    const x = run.take("x");
    const errors = run.observing ? curved(run, dy, x, sensitivity) : null;
    const incoming = dy.data;
    const dx = dy.recycle(run.site);
    run.engine.kernels.siluBackward(dx.data, incoming, x.data);
    x.dispose();
    if (errors) {
      run.observe("x", travelling(dx.shape[0]!, meanSquare(errors), meanSquare(dx)));
      if (draw) run.send(0, drawn(errors.ref, draw));
      errors.dispose();
    }
    return [dx];
  },
  cheap: {
    recompute(again, [x]) {
      const values = x!.data;
      const y = x!.recycle(again.site);
      again.engine.kernels.silu(y.data, values);
      return y;
    },
    sensitivity(again, [x]) {
      const { kernels } = again.engine;
      const factors = again.empty(x!.shape);
      kernels.fill(factors.data, 1);
      kernels.siluBackward(factors.data, factors.data, x!.data);
      x!.dispose();
      return factors;
    },
  },
};

/** δ·f''(x), times the sensitivity of x if it has one: what an error of 1 in what is kept does to ∇x. */
function curved(run: Backward, dy: Tensor, x: Tensor, sensitivity: Tensor | null): Tensor {
  const errors = run.empty(x.shape);
  const [found, values, delta] = [errors.data, x.data, dy.data];
  run.engine.kernels.sigmoid(found, values);
  for (let i = 0; i < found.length; i++) {
    const s = found[i]!;
    found[i] = delta[i]! * s * (1 - s) * (2 + values[i]! * (1 - 2 * s));
  }
  if (sensitivity) multiply(found, sensitivity.data);
  sensitivity?.dispose();
  return errors;
}

export const silu = (x: Tensor, site?: string): Tensor => apply(siluOp, [x], null, site);
