/** Passes on a part of a batch that leave the network as it was: what a controller may use before the first step. */
import type { Trial } from "../engine/controller.js";
import { abandon } from "../engine/tape.js";
import { Tensor } from "../engine/tensor.js";
import { fromGradients, keepingStatistics } from "../stores/probe.js";
import { type Batch, lossOf } from "./evaluation.js";
import type { Session } from "./session.js";

/** The part of the device that stays free, since free memory comes in pieces. */
const margin = 1 / 16;

export function trialOf(session: Session, { images, labels }: Batch): Trial {
  const { engine, model, settings } = session;
  const { ledger, budget } = engine.device;
  const cut = (whole: Tensor, count: number, site: string) =>
    Tensor.from(
      engine,
      whole.data.subarray(0, (whole.size / labels.size) * count),
      [count, ...whole.shape.slice(1)],
      site,
    );
  const lossOfFirst = (count: number) =>
    lossOf(session, cut(images, count, "calibration images"), cut(labels, count, "calibration labels"));
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
    leftForSaved(count) {
      const { live, peak } = ledger;
      // The first step adds the gradients and the momentum of all parameters.
      const momentum = settings.momentum > 0 && live.optimiser === 0 ? live.parameters : 0;
      const once = ledger.total + live.parameters + momentum + peak.workspace - live.workspace;
      const each = peak.activations - live.activations + Math.max(0, peak.gradients - live.parameters);
      const part = count / labels.size;
      return Math.floor((1 - margin) * budget - once - each / part);
    },
  };
}
