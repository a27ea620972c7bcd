/**
 * The last step of squeeze-and-excitation (Hu et al., 2018): multiplies each plane by a number of its own.
 *
 *   y[n,c,i] = x[n,c,i]·s[n,c]        ∇x = δ·s        ∇s[n,c] = Σ_i δ[n,c,i]·x[n,c,i]
 *
 * ∇x does not depend on x. s is as small as a bias, and is kept exactly. noise/excitation.ts has the noise law.
 */

import type { Op } from "../engine/op.js";
import { apply } from "../engine/tape.js";
import { sizeOf, type Tensor } from "../engine/tensor.js";
import { ShapeError } from "../error.js";
import type { PlaneShape } from "../kernels/kernels.js";
import { squeezeExcitationNoise } from "../noise/excitation.js";

const planesOf = ([N, C, ...rest]: readonly number[]): PlaneShape => ({
  planes: N! * C!,
  size: sizeOf(rest),
});

export const squeezeExcitationOp: Op<null> = {
  name: "squeezeExcitation",
  saves: { x: "value", s: "exact" },
  savesInputs: { x: 0 },
  noise: squeezeExcitationNoise,
  forward(run, [x, s]) {
    const values = x!.data;
    const y = x!.recycle(run.site);
    run.engine.kernels.scalePlanes(y.data, values, s!.data, planesOf(y.shape));
    return { y, saved: { s: s! } };
  },
  backward(run, dy) {
    const { kernels } = run.engine;
    const shape = planesOf(dy.shape);
    const s = run.take("s");
    const ds = run.empty(s.shape);
    let first = 0;
    for (const x of run.takeParts("x", { light: true })) {
      const part = planesOf(x.shape);
      const delta = dy.data.subarray(first * part.size, (first + part.planes) * part.size);
      kernels.dotPlanes(ds.data.subarray(first, first + part.planes), delta, x.data, part);
      first += part.planes;
      x.dispose();
    }
    const incoming = dy.data;
    const dx = dy.recycle(run.site);
    kernels.scalePlanes(dx.data, incoming, s.data, shape);
    s.dispose();
    return [dx, ds];
  },
  recomputable: {
    recompute(run, [x, s]) {
      const values = x!.data;
      const y = x!.recycle(run.site);
      run.engine.kernels.scalePlanes(y.data, values, s!.data, planesOf(y.shape));
      s!.dispose();
      return y;
    },
    sensitivity(run, [x, s]) {
      const { kernels } = run.engine;
      const factors = x!.recycle(run.site);
      kernels.fill(factors.data, 1);
      kernels.scalePlanes(factors.data, factors.data, s!.data, planesOf(factors.shape));
      s!.dispose();
      return factors;
    },
  },
};

/** x: N × C × H × W, s: N × C × 1 × 1. */
export function squeezeExcitation(x: Tensor, s: Tensor, site?: string): Tensor {
  const [N, C] = x.shape;
  if (x.shape.length !== 4 || s.size !== N! * C! || s.shape[1] !== C) {
    throw new ShapeError({
      where: site ?? "squeezeExcitation",
      expected: "N × C × H × W and N × C × 1 × 1",
      got: `[${x.shape}] and [${s.shape}]`,
      remedy: "give one factor for each channel of each image",
    });
  }
  return apply(squeezeExcitationOp, [x, s], null, site);
}
