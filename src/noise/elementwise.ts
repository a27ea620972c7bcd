/**
 * The noise law of an elementwise op y = f(x) that saves x. With x + e in place of x, ∇x is off by δ·f''(x)·e to first
 * order. For independent errors of mean 0,
 *
 *   σ² = Var(e) · Σ (δ·f''(x))²
 *
 * This error travels upstream. proofs: Gradient.gradient_variance
 */

import type { NoiseLaw, NoiseRun } from "../engine/noise.js";
import { multiply } from "../engine/recipe.js";
import type { Tensor } from "../engine/tensor.js";
import { meanSquare } from "./pass.js";
import { drawn, travelling } from "./travel.js";

/** Writes δ·f''(x) to `errors`, value by value: what an error of 1 in x does to ∇x. All three have one length. */
export type Curvature<A> = (
  errors: Float32Array,
  x: Float32Array,
  delta: Float32Array,
  run: NoiseRun,
  attributes: A,
) => void;

/** The law of an op that saves its only input under `name`, as "value". */
export const elementwiseNoise = <A>(name: string, curvature: Curvature<A>): NoiseLaw<A> => ({
  watch(run, dy, attributes) {
    const images = dy.shape[0]!;
    const sensitivity = run.sensitivity(name, 0, images);
    const draw = run.draw(name, 0);
    const errors = curved(run, name, dy, (to, x) => curvature(to, x, dy.data, run, attributes));
    if (sensitivity) multiply(errors.data, sensitivity.data);
    sensitivity?.dispose();
    return {
      inputs([dx]) {
        run.record(name, travelling(images, meanSquare(errors), dx ? meanSquare(dx) : 0));
        if (draw) run.send(0, drawn(errors.ref, draw));
        errors.dispose();
      },
    };
  },
});

function curved(
  run: NoiseRun,
  name: string,
  dy: Tensor,
  write: (errors: Float32Array, x: Float32Array) => void,
): Tensor {
  const x = run.look(name);
  const errors = run.empty(dy.shape);
  write(errors.data, x.data);
  x.dispose();
  return errors;
}
