/** Passes on a part of a batch that leave the network as it was: what a controller may use before the first step. */
import type { Trial } from "../engine/controller.js";
import { rehearse } from "../engine/rehearsal.js";
import { abandon } from "../engine/tape.js";
import { Tensor } from "../engine/tensor.js";
import { fromGradients, keepingStatistics } from "../stores/probe.js";
import { type Batch, lossOf } from "./evaluation.js";
import { momentumBytes } from "./momentum.js";
import type { Session } from "./session.js";
import { memoryOf } from "./trial-memory.js";

/** The part of the device that stays free: the slack of docs/decisions/placement.md, and what differs from the trial. */
const margin = 1 / 16;

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
      const sums = fromGradients(model, () => lossOfFirst(count), {
        whole: false,
        of: ({ data }, before: number | undefined) => data.reduce((sum, g) => sum + Math.abs(g), before ?? 0),
      });
      return new Map([...sums].map(([parameter, sum]) => [parameter, sum / parameter.value.size]));
    },
    forward(count) {
      ledger.resetPeak();
      keepingStatistics(model, () => {
        lossOfFirst(count).dispose();
        abandon(engine);
      });
      return ledger.peak.saved;
    },
    memory: memoryOf(session, lossOfFirst, batch.images.storage.block.bytes + labels.storage.block.bytes),
    leftForSaved(count) {
      const { live, peak } = ledger;
      // The first step adds the momentum of all parameters. Gradients are freed as they come, so they count with what
      // grows with the batch.
      const begins = settings.momentum > 0 && live.optimiser === 0;
      const momentum = begins ? momentumBytes(live.parameters, settings.momentumType) : 0;
      const once = ledger.total + momentum + peak.workspace - live.workspace;
      const each = peak.activations - live.activations + peak.gradients;
      const part = count / labels.size;
      return Math.floor((1 - margin) * budget - once - each / part);
    },
  };
}
