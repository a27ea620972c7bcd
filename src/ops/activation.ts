/**
 * Smooth activations.
 *
 *   sigmoid  y = σ(x) = 1/(1 + e^−x)      ∇x = δ·y·(1 − y)
 *   silu     y = x·σ(x)                   ∇x = δ·f'(x),  f' = σ·(1 + x·(1 − σ))
 *
 * noise/silu.ts has the noise law of silu.
 */
import type { Op, Recomputation } from "../engine/op.js";
import { apply } from "../engine/tape.js";
import type { Tensor } from "../engine/tensor.js";
import { siluNoise } from "../noise/silu.js";

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
  savesInputs: { x: 0 },
  noise: siluNoise,
  forward: (run, [x]) => ({ y: siluOf(run, x!) }),
  backward(run, dy) {
    const incoming = dy.data;
    const dx = dy.recycle(run.site);
    let first = 0;
    for (const x of run.takeParts("x", { light: true })) {
      const range = [first, first + x.size] as const;
      run.engine.kernels.siluBackward(dx.data.subarray(...range), incoming.subarray(...range), x.data);
      run.show(dx.data.subarray(...range), x);
      first += x.size;
      x.dispose();
    }
    return [dx];
  },
  recomputable: {
    dear: true,
    recompute: (run, [x]) => siluOf(run, x!),
    sensitivity(run, [x]) {
      const { kernels } = run.engine;
      const factors = run.empty(x!.shape);
      kernels.fill(factors.data, 1);
      kernels.siluBackward(factors.data, factors.data, x!.data);
      x!.dispose();
      return factors;
    },
  },
};

/** x·σ(x). Consumes x. */
function siluOf({ engine, site }: Pick<Recomputation, "engine" | "site">, x: Tensor): Tensor {
  const values = x.data;
  const y = x.recycle(site);
  engine.kernels.silu(y.data, values);
  return y;
}

export const silu = (x: Tensor, site?: string): Tensor => apply(siluOp, [x], null, site);
