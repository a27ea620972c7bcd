/**
 * How much of fast mode's bytes dense mode must save under mode `auto`. A dense value takes more time than a fast one, and how
 * much that is of a step depends on the network: on the work that it does for each value that is stored.
 */
import { usualSaving } from "../codec/dense/choice.js";
import type { Site } from "../engine/parameter.js";
import type { ChainPlan } from "../engine/plan.js";
import { workOf } from "../engine/work.js";

/** The multiply-adds that a thread makes in the 2 ns by which a dense value is slower, at 30 a nanosecond. */
const surplus = 60;
/** A step that becomes a hundredth longer must save so many hundredths of the bytes. */
const worth = 9;

/** `mayErr`: whether a site's values are stored in frames. */
export function leastSaving(plan: ChainPlan, mayErr: (site: Site) => boolean): number {
  const sizes = new Map([...plan.steps.values()].flatMap((step) => [...step.sizes]));
  let values = 0;
  for (const { name, made, requests } of plan.tensors.values()) {
    const stored = made === null && requests.some(({ need, site }) => need === "value" && mayErr(site));
    if (stored) values += (sizes.get(name)?.each ?? 0) / 4;
  }
  const forward = [...plan.steps.values()].reduce((sum, step) => sum + workOf(step), 0);
  // Of a pass without a plan nothing is known.
  if (values === 0 || forward === 0) return usualSaving;
  // Backward computes two gradients of each product.
  const share = (surplus * values) / (3 * forward);
  return Math.max(usualSaving, worth * share);
}
