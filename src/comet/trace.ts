/**
 * What sites above send to a parameter's gradient: the mean square of what arrives there, over draws of random signs.
 * proofs: Gradient.signs_variance, Gradient.batchnorm_linear
 */
import type { Parameter, Site } from "../op.js";
import type { Rng } from "../rng.js";
import type { Tensor } from "../tensor.js";
import type { ErrorDraw, Tracer } from "../tracer.js";
import type { Controller } from "./controller.js";
import { errorVariance } from "./law.js";

export class Trace implements Tracer {
  readonly #controller: Controller;
  readonly #sign: () => number;
  readonly #squares = new Map<Parameter, Float64Array>();
  /** Back-propagations so far. */
  draws = 0;

  constructor(controller: Controller, rng: Rng) {
    this.#controller = controller;
    this.#sign = () => (rng.uniform() < 0.5 ? -1 : 1);
  }

  draw(site: Site): ErrorDraw | null {
    const { applied, gatedVariance } = this.#controller.sites.get(site.name)!;
    if (applied === 0) return null;
    const variance = errorVariance(applied);
    return { sigma: Math.sqrt(variance), gated: Math.sqrt(variance + gatedVariance), sign: this.#sign };
  }

  receive(parameter: Parameter, error: Tensor): void {
    const squares = this.#squares.get(parameter) ?? new Float64Array(error.size);
    this.#squares.set(parameter, squares);
    error.data.forEach((e, i) => {
      squares[i]! += e * e;
    });
    error.dispose();
  }

  /** Variance of the error of a parameter's gradient, the mean over each of its `channels`. */
  variance(parameter: Parameter, channels: number): Float64Array {
    const squares = this.#squares.get(parameter);
    const each = (squares?.length ?? 0) / channels;
    return Float64Array.from({ length: channels }, (_, k) =>
      squares ? squares.subarray(k * each, (k + 1) * each).reduce((a, b) => a + b) / (each * this.draws) : 0,
    );
  }
}
