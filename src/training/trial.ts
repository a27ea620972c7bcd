/** Passes on a part of a batch that leave the network as it was: what a controller may use before the first step. */
import type { MemoryProfile, Trial } from "../engine/controller.js";
import { rehearse } from "../engine/rehearsal.js";
import { abandon, backward } from "../engine/tape.js";
import { Tensor } from "../engine/tensor.js";
import { fromGradients, keepingStatistics } from "../stores/probe.js";
import { type Batch, lossOf } from "./evaluation.js";
import type { Session } from "./session.js";

/** The part of the device that stays free: the slack of docs/decisions/placement.md, and what differs from the trial. */
const margin = 1 / 16;

/** The bytes that are saved at a moment, and those that are live besides. */
type Moment = MemoryProfile[number];

/** What a step that is made to fit leaves free: the slack of placements, and room for workspaces. */
const slack = 1 / 32;
const scratchBytes = 2 ** 23;

/** The loss of the first images of a batch. */
function lossOfSome(session: Session, { images, labels }: Batch, count: number): Tensor {
  const cut = (whole: Tensor, site: string) =>
    Tensor.from(
      session.engine,
      whole.data.subarray(0, (whole.size / labels.size) * count),
      [count, ...whole.shape.slice(1)],
      site,
    );
  session.engine.trial = true;
  try {
    return lossOf(session, cut(images, "calibration images"), cut(labels, "calibration labels"));
  } finally {
    session.engine.trial = false;
  }
}

/** Plans the steps by a forward pass on one image. */
export function rehearseStep(session: Session, batch: Batch): void {
  const { engine, model } = session;
  const forward = () => lossOfSome(session, batch, 1);
  keepingStatistics(model, () => rehearse(engine, forward, batch.labels.size));
}

export function trialOf(session: Session, batch: Batch): Trial {
  const { labels } = batch;
  const { engine, model, settings } = session;
  const { ledger, budget } = engine.device;
  const lossOfFirst = (count: number) => lossOfSome(session, batch, count);
  return {
    images: labels.size,
    backPropagate(count) {
      ledger.resetPeak();
      return fromGradients(
        model,
        () => lossOfFirst(count),
        ({ data }) => data.reduce((sum, g) => sum + Math.abs(g), 0) / data.length,
      );
    },
    forward(count) {
      ledger.resetPeak();
      keepingStatistics(model, () => {
        lossOfFirst(count).dispose();
        abandon(engine);
      });
      return ledger.peak.saved;
    },
    fitting() {
      const base = ledger.total - ledger.live.workspace;
      const each =
        this.profile(1).reduce((most, { saved, other }) => Math.max(most, saved + other), 0) - base;
      // Here the gradients of all parameters are kept.
      return Math.max(1, Math.floor((this.limit - base - ledger.live.parameters) / each));
    },
    profile(count) {
      const { device } = engine;
      const first = device.ops;
      const held: { highest: Moment; fullest: Moment }[] = [];
      ledger.onChange = ({ saved, workspace }, total) => {
        const now = { saved, other: total - saved - workspace };
        const op = (held[device.ops - first] ??= { highest: now, fullest: now });
        if (now.saved + now.other > op.highest.saved + op.highest.other) op.highest = now;
        if (now.other > op.fullest.other) op.fullest = now;
      };
      try {
        keepingStatistics(model, () => {
          const loss = lossOfFirst(count);
          engine.trial = true;
          backward(loss, { whole: false, receive: (_, gradient) => gradient.dispose() });
        });
      } finally {
        engine.trial = false;
        ledger.onChange = null;
      }
      const momentum = settings.momentum > 0 && ledger.live.optimiser === 0 ? ledger.live.parameters : 0;
      const none = { saved: 0, other: 0 };
      return Array.from(held, (op) => [op?.highest ?? none, op?.fullest ?? none])
        .flat()
        .map(({ saved, other }) => ({ saved, other: other + momentum }));
    },
    get limit() {
      return Math.floor((1 - slack) * budget - Math.min(budget / 32, scratchBytes));
    },
    leftForSaved(count) {
      const { live, peak } = ledger;
      // The first step adds the momentum of all parameters. Gradients are freed as they come, so they count with what
      // grows with the batch.
      const momentum = settings.momentum > 0 && live.optimiser === 0 ? live.parameters : 0;
      const once = ledger.total + momentum + peak.workspace - live.workspace;
      const each = peak.activations - live.activations + peak.gradients;
      const part = count / labels.size;
      return Math.floor((1 - margin) * budget - once - each / part);
    },
  };
}
