/**
 * Before the first step: what the controller uses until the first collection, from an eighth of the first batch. So not
 * even one step needs the memory that COMET saves.
 *
 *   one pass back-propagated, raw   what errors cost
 *   one more pass forward           for policies that plan: what bounds save, by trial, and whether a budget can be met
 */

import { formatBytes } from "../device/ledger.js";
import type { Expectation, Trial } from "../engine/controller.js";
import type { Parameter } from "../engine/parameter.js";
import { BudgetError } from "../error.js";
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
  const count = Math.max(1, Math.floor(trial.images / 8));
  const part = count / trial.images;
  const gradients = trial.backPropagate(count);
  for (const state of sites.values()) scale(state, part);
  // The gradient stands in for the momentum. Its noise grows like 1/√part.
  controller.assess((parameter) => Math.sqrt(part) * gradients.get(parameter)!);
  if (!plan) return null;
  if (plan.limits === "bytes" && plan.savedBytes === 0) plan.savedBytes = trial.leftForSaved(count);
  plan.begin(trial.images);
  plan.calibrated(part, trial.forward(count), [...sites.values()]);
  const { noise, lawNoise, ...bytes } = plan.outlook;
  if (plan.limits === "bytes" && bytes.leastBytes > plan.savedBytes) {
    throw new BudgetError({
      where: "settings.policy budget",
      expected: `at least ${formatBytes(bytes.leastBytes)} for what this batch saves, with all bounds as loose as is of use`,
      got: formatBytes(Math.max(plan.savedBytes, 0)),
      remedy: "give more settings.savedBytes or settings.memory, or a smaller settings.batch",
    });
  }
  return { ...bytes, budgetBytes: plan.savedBytes, noise: share * noise, lawNoise: share * lawNoise };
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
