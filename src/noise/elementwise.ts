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
import { RunningSquares } from "../engine/running.js";
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
    const draw = run.draw(name, 0);
    // The errors of a draw are sent on; else only their mean square is needed.
    const sent = draw ? run.empty(dy.shape) : null;
    const squares = new RunningSquares(run.engine);
    let first = 0;
    for (const x of run.parts(name)) {
      const errors = run.empty(x.shape);
      const range = [(first * dy.size) / images, (first * dy.size) / images + x.size] as const;
      curvature(errors.data, x.data, dy.data.subarray(...range), run, attributes);
      x.dispose();
      const sensitivity = run.sensitivity(name, first, errors.shape[0]!);
      if (sensitivity) multiply(errors.data, sensitivity.data);
      sensitivity?.dispose();
      squares.add(errors.data);
      sent?.data.set(errors.data, range[0]);
      first += errors.shape[0]!;
      errors.dispose();
    }
    const noise = squares.sum / dy.size;
    return {
      inputs([dx]) {
        run.record(name, travelling(images, noise, dx ? meanSquare(dx) : 0));
        if (draw) run.send(0, drawn(sent!, draw));
      },
    };
  },
});
