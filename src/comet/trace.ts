/**
 * What sites above send to a parameter's gradient: the mean square of what arrives there, over draws of random signs;
 * and what more there is where a site's own error is not independent of that: twice the mean of the product.
 * proofs: Gradient.signs_variance, Gradient.batchnorm_linear
 */

import { mix } from "../codec/stages/quantize.js";
import type { Parameter, Site } from "../engine/op.js";
import type { Tensor } from "../engine/tensor.js";
import type { ErrorDraw, Tracer } from "../noise/tracer.js";
import type { Rng } from "../rng.js";
import type { Controller } from "./controller.js";
import { errorVariance } from "./law.js";

export class Trace implements Tracer {
  readonly #controller: Controller;
  readonly #rng: Rng;
  readonly #squares = new Map<Parameter, Float64Array>();
  /** In this back-propagation: what has arrived, and whose errors were drawn, from which seed. */
  #arrived = new Map<Parameter, Float32Array>();
  #seeds = new WeakMap<object, number>();
  /** Back-propagations so far. */
  draws = 0;

  constructor(controller: Controller, rng: Rng) {
    this.#controller = controller;
    this.#rng = rng;
  }

  /** Closes a back-propagation. */
  drawn(): void {
    this.draws++;
    this.#arrived = new Map();
    this.#seeds = new WeakMap();
  }

  draw(site: Site, origin: object | null): ErrorDraw | null {
    const { applied, gatedVariance } = this.#controller.sites.get(site.name)!;
    if (applied === 0) return null;
    const variance = errorVariance(applied);
    const known = origin === null ? undefined : this.#seeds.get(origin);
    const seed = known ?? this.#rng.integer(-(2 ** 31), 2 ** 31 - 1);
    if (origin !== null) this.#seeds.set(origin, seed);
    return {
      sigma: Math.sqrt(variance),
      gated: Math.sqrt(variance + gatedVariance),
      again: known !== undefined,
      sign: (i) => (mix(seed + i) & 1) * 2 - 1,
    };
  }

  receive(parameter: Parameter, error: Tensor): void {
    const arrived = error.data.slice();
    error.dispose();
    this.#arrived.set(parameter, arrived);
    this.#add(parameter, arrived, arrived);
  }

  /** The variance that the law tells is not for this to count: only that the two errors are not independent. */
  add(parameter: Parameter, error: Float32Array): void {
    const arrived = this.#arrived.get(parameter);
    if (!arrived) return;
    this.#add(
      parameter,
      error.map((e) => 2 * e),
      arrived,
    );
  }

  #add(parameter: Parameter, a: Float32Array, b: Float32Array): void {
    const squares = this.#squares.get(parameter) ?? new Float64Array(a.length);
    this.#squares.set(parameter, squares);
    for (let i = 0; i < a.length; i++) squares[i]! += a[i]! * b[i]!;
  }

  /** Variance of the error of a parameter's gradient beside the site's own, the mean over each of its `channels`. */
  variance(parameter: Parameter, channels: number): Float64Array {
    const squares = this.#squares.get(parameter);
    const each = (squares?.length ?? 0) / channels;
    return Float64Array.from({ length: channels }, (_, k) =>
      squares ? squares.subarray(k * each, (k + 1) * each).reduce((a, b) => a + b) / (each * this.draws) : 0,
    );
  }
}
