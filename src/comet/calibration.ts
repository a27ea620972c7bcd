/**
 * Before the first step: what the controller uses until the first collection, from an eighth of the first batch. So not
 * even one step needs the memory that COMET saves.
 *
 *   one pass back-propagated, raw   what errors cost
 *   one more pass forward           for policies that plan: what bounds save, by trial, and whether a budget can be met
 *   two more, forward and backward  in its place, where a step has to fit the memory: what its ops hold
 */

import { formatBytes } from "../device/ledger.js";
import type { Expectation, Trial } from "../engine/controller.js";
import type { Parameter } from "../engine/parameter.js";
import { BudgetError } from "../error.js";
import { extrapolated, mostSaved, type Profiled, savedWithin } from "./budget/memory.js";
import type { Plan } from "./budget/plan.js";
import type { SiteState } from "./policy.js";

/** What calibration needs of a controller. */
interface Calibrated {
  readonly sites: ReadonlyMap<string, SiteState>;
  readonly plan: Plan | null;
  readonly share: number;
  assess(meanMomentum: (parameter: Parameter) => number): void;
}

/** Weights and running statistics stay as they are. Returns what a plan expects, null where there is no plan. */
export function calibrate(controller: Calibrated, trial: Trial): Expectation | null {
  const { plan, share, sites } = controller;
  const eighth = Math.max(1, Math.floor(trial.images / 8));
  const fits = plan?.limits === "memory";
  const count = fits ? Math.min(eighth, trial.memory.fitting()) : eighth;
  const part = count / trial.images;
  const gradients = trial.backPropagate(count);
  for (const state of sites.values()) scale(state, part);
  // The gradient stands in for the momentum. Its noise grows like 1/√part.
  controller.assess((parameter) => Math.sqrt(part) * gradients.get(parameter)!);
  if (!plan) return null;
  if (plan.limits === "bytes" && plan.savedBytes === 0) plan.savedBytes = trial.leftForSaved(count);
  if (fits) fitMemory(plan, trial, [...sites.values()]);
  else {
    plan.begin(trial.images);
    plan.calibrated(part, trial.forward(count), [...sites.values()]);
  }
  const { noise, lawNoise, ...bytes } = plan.outlook;
  if (plan.limits !== "noise" && bytes.leastBytes > plan.savedBytes) {
    throw new BudgetError({
      where: fits ? "settings.fit" : "settings.policy budget",
      expected: `at least ${formatBytes(bytes.leastBytes)} for what this batch saves, with all bounds as loose as is of use`,
      got: formatBytes(Math.max(plan.savedBytes, 0)),
      remedy: `give more ${fits ? "" : "settings.savedBytes or "}settings.memory, or a smaller settings.batch`,
    });
  }
  return { ...bytes, budgetBytes: plan.savedBytes, noise: share * noise, lawNoise: share * lawNoise };
}

/** The least bytes, which have the plan's own reserve, and what their estimate may lack beyond it. */
const attempted = 1.02;

/**
 * Finds what a step on the whole batch may save, by what the ops of a quarter and of a half of it hold under the law's
 * bounds. (Parts that are decoded at a time do not grow with the batch, so fewer images tell less.) The passes are those of
 * a step that collects, so they leave observations of their own, which do not count.
 */
function fitMemory(plan: Plan, trial: Trial, sites: readonly SiteState[]): void {
  const known = sites.map((state) => ({ ...state }));
  plan.savedBytes = Number.POSITIVE_INFINITY;
  const profiled = (share: number): Profiled => {
    const images = Math.max(1, Math.floor(trial.images * share));
    plan.begin(trial.images);
    return { images, profile: trial.memory.profile(images) };
  };
  const quarter = profiled(1 / 4);
  const half = profiled(1 / 2);
  for (const [i, state] of sites.entries()) Object.assign(state, known[i]);
  const whole = extrapolated(quarter, half, trial.images);
  const { limit, budget } = trial.memory;
  plan.savedBytes = savedWithin(whole, limit);
  plan.calibrated(half.images / trial.images, mostSaved(half.profile), sites);
  const { leastBytes } = plan.outlook;
  if (plan.savedBytes >= leastBytes) return;
  // The room that is left for other things may not be needed. The fewest bytes are worth the attempt.
  plan.savedBytes = Math.min(savedWithin(whole, budget), Math.ceil(attempted * leastBytes));
  plan.open();
}

/**
 * From a part of a batch to the whole. The mean loss over fewer images has a δ that is larger by 1/part, and each sum of
 * squares likewise.
 */
function scale(state: SiteState, part: number): void {
  const { observation } = state;
  if (observation === null) return;
  const { upstream } = observation;
  state.observation = {
    ...observation,
    energy: observation.energy.map((value) => value * part),
    signal: observation.signal * part,
    arrived: 0,
    meanLoss: observation.meanLoss * part,
    batch: observation.batch / part,
    // Noise and signal shrink alike; where ∇γ is small, noise shrinks more.
    upstream: upstream && {
      noise: upstream.noise * part ** 2,
      gated: upstream.gated * part ** 2,
      signal: upstream.signal * part ** 2,
    },
  };
}
