/** Stochastic gradient descent, and the schedules of its learning rate. */

import type { GradientReceiver } from "../engine/gradients.js";
import type { Parameter } from "../engine/parameter.js";
import type { Engine } from "../engine/tape.js";
import { UsageError } from "../error.js";
import { type Momentum, type MomentumType, momentumOf, type SavedMomentum } from "./momentum.js";

export interface SgdOptions {
  lr: number;
  momentum?: number;
  weightDecay?: number;
  nesterov?: boolean;
  /** How the momentum is kept between steps. Default "float32". */
  momentumType?: MomentumType;
}

/** What a step depends on besides weights and gradients, by parameter name. */
export interface SgdState {
  momentum: Map<string, SavedMomentum>;
  /** For an optimiser without momentum: the mean |gradient| of the last step. */
  meanGradient: Map<string, number>;
}

/**
 * PyTorch's SGD: m ← momentum·m + g, w ← w − lr·m (Nesterov: w − lr·(g + momentum·m)), with g ← g + weightDecay·w
 * first. Each gradient is freed when it has been used.
 */
export class Sgd {
  readonly #engine: Engine;
  readonly #parameters: readonly Parameter[];
  readonly #options: Required<SgdOptions>;
  readonly #momentum = new Map<Parameter, Momentum>();
  /** The mean |gradient|, for an optimiser without momentum: the gradients themselves are freed. */
  readonly #meanGradient = new Map<Parameter, number>();

  constructor(engine: Engine, parameters: Iterable<Parameter>, options: SgdOptions) {
    const { lr, momentum = 0.9, weightDecay = 0, nesterov = false, momentumType = "float32" } = options;
    for (const [name, value] of Object.entries({ lr, momentum, weightDecay })) {
      if (!(value >= 0 && Number.isFinite(value))) {
        throw new UsageError({
          where: `settings.${name}`,
          expected: "a finite number of at least 0",
          got: String(value),
          remedy: `give for example ${name === "lr" ? 0.1 : name === "momentum" ? 0.9 : 0.0005}`,
        });
      }
    }
    this.#engine = engine;
    this.#parameters = [...parameters];
    this.#options = { lr, momentum, weightDecay, nesterov, momentumType };
  }

  /** Updates every parameter that has a gradient. `lrFactor` is a factor on the learning rate: see the schedules. */
  step(lrFactor = 1): void {
    const { receive } = this.receiver(lrFactor);
    for (const parameter of this.#parameters) {
      const { gradient } = parameter;
      parameter.gradient = null;
      if (gradient !== null) receive(parameter, gradient, 0);
    }
  }

  /**
   * Updates parameters in a backward pass, each as soon as its gradient is complete: the same step, without the memory
   * for all gradients. An error during the pass leaves some parameters updated and others not.
   */
  receiver(lrFactor = 1): GradientReceiver {
    const { lr, momentum, weightDecay, nesterov } = this.#options;
    const step = { lr: Math.fround(lr * lrFactor), momentum, weightDecay, nesterov };
    const { kernels } = this.#engine;
    // Made before the pass, so that they do not lie between the tensors of the pass.
    if (momentum > 0) for (const parameter of this.#parameters) this.#buffer(parameter);
    let sum = 0;
    return {
      whole: false,
      receive: (parameter, gradient, first) => {
        const { value } = parameter;
        const each = value.size / value.shape[0]!;
        const [begin, end] = [first * each, first * each + gradient.size];
        if (momentum > 0) {
          this.#buffer(parameter).change(begin, gradient.size, (m, at) => {
            const range = [at - begin, at - begin + m.length] as const;
            kernels.sgd(value.data.subarray(at, at + m.length), gradient.data.subarray(...range), m, step);
          });
        } else {
          sum = kernels.sumAbs(gradient.data, first === 0 ? 0 : sum);
          this.#meanGradient.set(parameter, sum / end);
          kernels.sgd(value.data.subarray(begin, end), gradient.data, null, step);
        }
        gradient.dispose();
      },
    };
  }

  /** The mean |m| of a parameter; 0 before its first step. Without momentum, m is the last gradient. */
  meanMomentum(parameter: Parameter): number {
    const buffer = this.#momentum.get(parameter);
    if (!buffer) return this.#meanGradient.get(parameter) ?? 0;
    return buffer.sumAbs() / parameter.value.size;
  }

  /** What is borrowed, and the next step may change it. */
  get state(): SgdState {
    const named = <T>(map: ReadonlyMap<Parameter, T>) =>
      new Map([...map].map(([{ name }, value]): [string, T] => [name, value]));
    return { momentum: named(this.#momentum), meanGradient: named(this.#meanGradient) };
  }

  /** Continues from the state of another Sgd of the same parameters. */
  restore({ momentum, meanGradient }: Readonly<SgdState>): void {
    for (const parameter of this.#parameters) {
      const [m, mean] = [momentum.get(parameter.name), meanGradient.get(parameter.name)];
      if (m !== undefined) this.#buffer(parameter).set(m.data);
      if (mean !== undefined) this.#meanGradient.set(parameter, mean);
    }
  }

  #buffer(parameter: Parameter): Momentum {
    const known = this.#momentum.get(parameter);
    if (known) return known;
    const { name, value } = parameter;
    const made = momentumOf(this.#engine, value.shape, `${name} momentum`, this.#options.momentumType);
    this.#momentum.set(parameter, made);
    return made;
  }
}

/** The factor on the learning rate at a step. `steps`: the number of steps of the whole run. */
export type Schedule = (step: number, steps: number) => number;

export const constant: Schedule = () => 1;

/** × `gamma` at each of the given fractions of the run. By products, since JavaScript engines differ in the last bit of a power. */
export const stepwise =
  (fractions: readonly number[] = [0.5, 0.75], gamma = 0.1): Schedule =>
  (step, steps) =>
    fractions.reduce((factor, fraction) => (step >= fraction * steps ? factor * gamma : factor), 1);

/**
 * cos x for 0 ≤ x ≤ π by its Taylor series, with an error of at most 1e-13. It uses sums and products only, so that every
 * JavaScript engine gives the same learning rate; Math.cos may differ in its last bit.
 */
function cos(x: number): number {
  let [term, sum] = [1, 1];
  for (let k = 2; k <= 26; k += 2) {
    term *= -(x * x) / (k * (k - 1));
    sum += term;
  }
  return sum;
}

/** ½(1 + cos πt), where t is the part of the run that is over. */
export const cosine: Schedule = (step, steps) => (1 + cos(Math.PI * Math.min(step / steps, 1))) / 2;

/** Rises linearly over the first `warmSteps` steps, then follows `schedule` over the rest. */
export const warmUp =
  (warmSteps: number, schedule: Schedule): Schedule =>
  (step, steps) =>
    step < warmSteps
      ? (step + 1) / (warmSteps + 1)
      : schedule(step - warmSteps, Math.max(steps - warmSteps, 1));

/** The schedules by name. */
export const schedules: Readonly<Record<string, Schedule>> = { constant, step: stepwise(), cosine };
