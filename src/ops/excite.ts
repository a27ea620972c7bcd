/**
 * Channel-wise multiplication, the end of squeeze-and-excitation (Hu et al., 2018): each plane by a number of its own.
 *
 *   y[n,c,i] = x[n,c,i]·s[n,c]        ∇x = δ·s        ∇s[n,c] = Σ_i δ[n,c,i]·x[n,c,i]
 *
 * Noise law of x. With x + e in its place ∇s[n,c] is off by Σ_i δ·e, which travels up the excitation's two layers:
 *   worst case   |error of ∇s| ≤ eb · Σ_i|δ|
 *   in the mean  σ² = eb²/3 · Σ_i δ²                 as in a convolution's weight gradient
 * ∇x does not see it. s is as small as a bias, and kept exactly. Where x = f(z) is made from a z that is kept, δ is
 * δ·f'(z) here; y itself is off by s·e.
 * proofs: Gradient.gradient_bound, Gradient.gradient_variance
 */

import { apply, type Backward, meanSquare, type Op } from "../engine/op.js";
import { multiply } from "../engine/recipe.js";
import { sizeOf, type Tensor } from "../engine/tensor.js";
import { ShapeError } from "../error.js";
import type { PlaneShape } from "../kernels/kernels.js";
import { drawn, travelling } from "./travel.js";

const planesOf = ([N, C, ...rest]: readonly number[]): PlaneShape => ({
  planes: N! * C!,
  size: sizeOf(rest),
});

export const exciteOp: Op<null> = {
  name: "excite",
  saves: { x: "value", s: "exact" },
  forward(run, [x, s]) {
    const y = run.empty(x!.shape);
    run.engine.kernels.scalePlanes(y.data, x!.data, s!.data, planesOf(x!.shape));
    return { y, saved: { x: x!, s: s! } };
  },
  backward(run, dy) {
    const { kernels } = run.engine;
    const shape = planesOf(dy.shape);
    const sensitivity = run.observing ? run.sensitivity("x", 0, dy.shape[0]!) : null;
    const draw = run.draw("x", 1);
    const [x, s] = [run.take("x"), run.take("s")];
    const ds = run.empty(s.shape);
    kernels.dotPlanes(ds.data, dy.data, x.data, shape);
    if (run.observing) {
      const errors = met(run, dy, x, sensitivity);
      const noise = run.engine.kernels.sumSquares(errors.data) / s.size;
      run.observe("x", travelling(dy.shape[0]!, noise, meanSquare(ds)), 1);
      if (draw) run.send(1, summed(run, drawn(errors.ref, draw), s.shape));
      errors.dispose();
    }
    x.dispose();
    const incoming = dy.data;
    const dx = dy.recycle(run.site);
    kernels.scalePlanes(dx.data, incoming, s.data, shape);
    s.dispose();
    return [dx, ds];
  },
  cheap: {
    recompute(again, [x, s]) {
      const values = x!.data;
      const y = x!.recycle(again.site);
      again.engine.kernels.scalePlanes(y.data, values, s!.data, planesOf(y.shape));
      s!.dispose();
      return y;
    },
    sensitivity(again, [x, s]) {
      const { kernels } = again.engine;
      const factors = x!.recycle(again.site);
      kernels.fill(factors.data, 1);
      kernels.scalePlanes(factors.data, factors.data, s!.data, planesOf(factors.shape));
      s!.dispose();
      return factors;
    },
  },
};

/** δ, times the sensitivity of x if it has one, where x is not 0: what an error of 1 in what is kept meets on its way. */
function met(run: Backward, dy: Tensor, x: Tensor, sensitivity: Tensor | null): Tensor {
  const errors = sensitivity ?? run.empty(x.shape);
  if (sensitivity) multiply(errors.data, dy.data);
  else run.engine.kernels.reluBackward(errors.data, dy.data, x.data);
  return errors;
}

/** Σ_i over each plane; consumes its terms. */
function summed(run: Backward, terms: Tensor, shape: readonly number[]): Tensor {
  const { kernels } = run.engine;
  const [sums, ones] = [run.empty(shape), run.empty(terms.shape)];
  kernels.fill(ones.data, 1);
  kernels.dotPlanes(sums.data, terms.data, ones.data, planesOf(terms.shape));
  for (const tensor of [terms, ones]) tensor.dispose();
  return sums;
}

/** x: N × C × H × W, s: N × C × 1 × 1. */
export function excite(x: Tensor, s: Tensor, site?: string): Tensor {
  const [N, C] = x.shape;
  if (x.shape.length !== 4 || s.size !== N! * C! || s.shape[1] !== C) {
    throw new ShapeError({
      where: site ?? "excite",
      expected: "N × C × H × W and N × C × 1 × 1",
      got: `[${x.shape}] and [${s.shape}]`,
      remedy: "give one factor for each channel of each image",
    });
  }
  return apply(exciteOp, [x, s], null, site);
}
