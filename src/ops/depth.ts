/**
 * Stochastic depth (Huang et al., 2016): a residual branch is left out, image by image, with probability p.
 *
 *   y[n] = x[n]·b[n]/(1 − p)        ∇x[n] = δ[n]·b[n]/(1 − p)        b[n] = 0 with probability p, else 1
 *
 * b is a function of the seed, so nothing is saved.
 */

import type { Op } from "../engine/op.js";
import { apply } from "../engine/tape.js";
import { type Machine, Tensor } from "../engine/tensor.js";
import { UsageError } from "../error.js";

interface Drop {
  p: number;
  seed: number;
}

/** x·b/(1 − p) for images whose first has the number `first`; in place if no other tensor needs x. Consumes x. */
function drop(engine: Machine, x: Tensor, { p, seed }: Drop, site: string, first = 0): Tensor {
  const { kernels, device } = engine;
  const N = x.shape[0]!;
  const end = first + N;
  const kept = device.allocate(Math.ceil(end / 8), "workspace", site);
  const factors = Tensor.empty(engine, [end], site, "workspace");
  kernels.dropoutMask(device.u8(kept), end, p, seed);
  kernels.fill(factors.data, 1);
  kernels.applyMask(factors.data, factors.data, device.u8(kept), 1 / (1 - p));
  device.free(kept);
  const values = x.data;
  const y = x.recycle(site);
  kernels.scalePlanes(y.data, values, factors.data.subarray(first), { planes: N, size: y.size / N });
  factors.dispose();
  return y;
}

export const stochasticDepthOp: Op<Drop> = {
  name: "stochasticDepth",
  saves: {},
  forward: (run, [x], attributes) => ({ y: drop(run.engine, x!, attributes, run.site) }),
  backward: (run, dy, attributes) => [drop(run.engine, dy, attributes, run.site)],
  recomputable: {
    recompute: (run, [x], attributes, first) => drop(run.engine, x!, attributes, run.site, first),
  },
};

/** Zeroes each image of x with probability p and scales the others by 1/(1 − p). `seed`: 32 bits. */
export function stochasticDepth(x: Tensor, p: number, seed: number, site?: string): Tensor {
  if (!(p >= 0 && p < 1)) {
    throw new UsageError({
      where: site ?? "stochasticDepth",
      expected: "a probability in [0, 1)",
      got: String(p),
      remedy: "give for example 0.2",
    });
  }
  return p === 0 ? x : apply(stochasticDepthOp, [x], { p, seed }, site);
}
