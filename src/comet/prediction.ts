/**
 * Predicts the error of each parameter's gradient in a step, from the bounds and the noise laws.
 *
 *   own        the site's own law, from its bound
 *   received   what sites above send: the mean square of what arrives, over draws of random signs; and where a site's
 *              own error is not independent of that, twice the mean of the product
 *
 * proofs: Gradient.signs_variance, Gradient.batchnorm_linear
 */
import { mix } from "../codec/stages/quantize.js";
import type { Prediction, Predictor, Tracer } from "../engine/controller.js";
import type { ErrorDraw, Observation } from "../engine/noise.js";
import type { Parameter, Site } from "../engine/parameter.js";
import type { Rng } from "../rng.js";
import type { Plan } from "./budget/plan.js";
import { errorVariance } from "./law.js";
import type { Policy, SiteState } from "./policy.js";

/** What a trace needs of a controller. */
interface Traced {
  readonly sites: ReadonlyMap<string, SiteState>;
  readonly policy: Policy;
  readonly plan: Plan | null;
  readonly observer: { tracer: Tracer | null };
  collecting: boolean;
}

export class ErrorTrace implements Tracer, Predictor {
  readonly #controller: Traced;
  readonly #rng: Rng;
  readonly #wasCollecting: boolean;
  readonly #squares = new Map<Parameter, Float64Array>();
  /** In this backward pass: what has arrived, and the seed with which the errors of a kept tensor were drawn. */
  #arrived = new Map<Parameter, Float32Array>();
  #seeds = new WeakMap<object, number>();
  /** The number of backward passes so far. */
  draws = 0;

  constructor(controller: Traced, rng: Rng) {
    this.#controller = controller;
    this.#rng = rng;
    this.#wasCollecting = controller.collecting;
    controller.collecting = true;
    controller.observer.tracer = this;
    if (controller.plan) controller.plan.paused = true;
  }

  drawn(): void {
    this.draws++;
    this.#arrived = new Map();
    this.#seeds = new WeakMap();
  }

  close(): void {
    const { observer, plan } = this.#controller;
    observer.tracer = null;
    this.#controller.collecting = this.#wasCollecting;
    if (plan) plan.paused = false;
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

  receive(parameter: Parameter, error: Float32Array): void {
    this.#arrived.set(parameter, error);
    this.#add(parameter, error, error);
  }

  /** The law counts the variance of the site's own error; here only its product with what has arrived is added. */
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

  /** The variance of the error of a parameter's gradient beside the site's own: the mean over each of its `channels`. */
  variance(parameter: Parameter, channels: number): Float64Array {
    const squares = this.#squares.get(parameter);
    const each = (squares?.length ?? 0) / channels;
    return Float64Array.from({ length: channels }, (_, k) =>
      squares ? squares.subarray(k * each, (k + 1) * each).reduce((a, b) => a + b) / (each * this.draws) : 0,
    );
  }

  predictions(): Prediction[] {
    return [...this.#controller.sites.values()].flatMap(({ site: { parameter }, applied, observation }) =>
      parameter === null || applied === 0 || observation === null
        ? []
        : [this.#prediction(parameter, applied, observation)],
    );
  }

  #prediction(parameter: Parameter, bound: number, observation: Observation): Prediction {
    const { energy } = observation;
    const own = this.#controller.policy.sigma(bound, observation);
    const received = this.variance(parameter, energy.length);
    const mean = received.reduce((a, b) => a + b) / received.length;
    const variances = [...received].map((variance, k) => variance + errorVariance(bound) * energy[k]!);
    return {
      parameter,
      bound,
      sigma: Math.sqrt(Math.max(0, own ** 2 + mean)),
      own,
      channels: variances.map((variance) => Math.sqrt(Math.max(0, variance))),
    };
  }
}
