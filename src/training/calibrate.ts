/**
 * Before the first step: what the controller goes by until the first collection, from an eighth of the first batch.
 *
 *   once, back-propagated raw   what errors cost: Controller.calibrate
 *   once more, forward only     for policies that plan: what bounds save, by trial, and whether a budget can be met
 */
import { keepingStatistics, weightGradients } from "../comet/probe.js";
import { formatBytes } from "../device/ledger.js";
import { abandon } from "../engine/op.js";
import { Tensor } from "../engine/tensor.js";
import { BudgetError } from "../error.js";
import { type Batch, lossOf } from "./evaluation.js";
import type { PlanRecord } from "./records.js";
import type { Session } from "./session.js";

/** Weights and running statistics stay as they are. Returns what a plan expects, null where there is none. */
export function calibrate(session: Session, { images, labels }: Batch): PlanRecord | null {
  const { engine, model, comet } = session;
  const { controller } = comet!;
  const { device } = engine;
  const N = labels.size;
  const n = Math.max(1, Math.floor(N / 8));
  const part = n / N;
  const cut = (whole: Tensor, site: string) =>
    Tensor.from(engine, whole.data.subarray(0, (whole.size / N) * n), [n, ...whole.shape.slice(1)], site);
  const forward = () => lossOf(session, cut(images, "calibration images"), cut(labels, "calibration labels"));
  device.ledger.resetPeak();
  const gradients = weightGradients(model, forward);
  controller.calibrate(part, (parameter) => {
    const gradient = gradients.get(parameter)!;
    return gradient.reduce((sum, g) => sum + Math.abs(g), 0) / gradient.length;
  });
  const { plan, share } = controller;
  if (!plan) return null;
  if (plan.limits === "bytes" && plan.savedBytes === 0) plan.savedBytes = leftForSaved(session, part);
  device.ledger.resetPeak();
  controller.calibratePlan(N, part, () => {
    keepingStatistics(model, () => {
      forward().dispose();
      abandon(engine);
    });
    return device.ledger.peak.saved;
  });
  const { noise, lawNoise, ...bytes } = plan.outlook;
  if (plan.limits === "bytes" && bytes.leastBytes > plan.savedBytes) {
    throw new BudgetError({
      where: "--policy budget",
      expected: `at least ${formatBytes(bytes.leastBytes)} for what this batch saves, with all bounds as loose as is of use`,
      got: formatBytes(Math.max(plan.savedBytes, 0)),
      remedy: "give more --saved-bytes or --memory, or a smaller --batch",
    });
  }
  return {
    kind: "plan",
    ...bytes,
    budgetBytes: plan.savedBytes,
    noise: share * noise,
    lawNoise: share * lawNoise,
  };
}

/** Kept free, since free memory comes in pieces. */
const margin = 1 / 16;

/** What of the device is left for saved tensors, should all else be at its most at the same time. */
function leftForSaved({ engine, settings }: Session, part: number): number {
  const { budget, ledger } = engine.device;
  const { live, peak } = ledger;
  // The first step adds gradients and momentum of all parameters.
  const momentum = settings.momentum > 0 && live.optimiser === 0 ? live.parameters : 0;
  const once = ledger.total + live.parameters + momentum + peak.workspace - live.workspace;
  const each = peak.activations - live.activations + Math.max(0, peak.gradients - live.parameters);
  return Math.floor((1 - margin) * budget - once - each / part);
}
