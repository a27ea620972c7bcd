/**
 * The training loop. One seed decides the weights, the order of the images, their augmentation and the dropout masks.
 * The store decides nothing of that, so a plain run and a COMET run of one seed see the same numbers until the first
 * compressed tensor.
 */
import { platform } from "#platform";
import { EpochImages } from "./epoch.js";
import { evaluate } from "./evaluation.js";
import type { TrainHooks } from "./hooks.js";
import { endOf, type Position, totalSteps } from "./position.js";
import type { EpochRecord, TrainRecord } from "./records.js";
import type { Session } from "./session.js";
import { runStep } from "./step.js";
import { timedSteps } from "./timeline.js";
import { hashWeights } from "./weights-hash.js";

export interface Outcome {
  /** The number of steps of the run so far, with those of earlier sessions. */
  steps: number;
  aborted: boolean;
  /** NaN if this call ended no epoch. */
  testAccuracy: number;
  weights: string;
}

/**
 * Trains from `from` on. Unless that is the start, the session has been restored to that position (runs/checkpoint.ts).
 * Throws a NumericError if the loss is not finite, a MemoryError if a step does not fit into the device.
 */
export async function train(
  session: Session,
  hooks: TrainHooks = {},
  from: Position = { epoch: 0, batch: 0 },
): Promise<Outcome> {
  const { settings, dataset, model } = session;
  const steps = totalSteps(settings, dataset.train.length);
  const end = endOf(settings, dataset.train.length);
  const perEpoch = Math.ceil(dataset.train.length / settings.batch);
  const timed = timedSteps(dataset.train.length, settings.batch, end);
  const emit = (record: TrainRecord) => hooks.onRecord?.(record);
  const checkpointDue = (step: number) => {
    const every = hooks.checkpointEvery ?? 0;
    return every > 0 ? step % every === 0 : step % perEpoch === 0;
  };
  const stopped = () => hooks.signal?.aborted ?? false;
  let { epoch, batch: i } = from;
  let aborted = false;
  let testAccuracy = Number.NaN;
  model.train(true);
  for (; epoch * perEpoch < end; epoch++, i = 0) {
    const started = performance.now();
    const batches = Math.min(perEpoch, end - epoch * perEpoch);
    const images = new EpochImages(session, epoch);
    while (i < batches && !stopped()) {
      const step = epoch * perEpoch + i;
      await runStep(session, images, i, { step, epoch, steps, hooks, emit, timed: timed.includes(step) });
      i++;
      if (i < batches && checkpointDue(step + 1)) await hooks.onCheckpoint?.({ epoch, batch: i });
      // Signals, timers and the progress line are handled here.
      await platform.pause();
    }
    // A run that ends within an epoch is evaluated there. A longer run continues as if it had not been evaluated.
    aborted = stopped();
    if (aborted || i < perEpoch) await hooks.onCheckpoint?.({ epoch, batch: i });
    if (aborted) break;
    session.average?.swap();
    const { loss, accuracy } = await evaluate(session, dataset.test);
    session.average?.swap();
    const [seconds, weights] = [(performance.now() - started) / 1000, hashWeights(model)];
    const record: EpochRecord = {
      kind: "epoch",
      epoch,
      testLoss: loss,
      testAccuracy: accuracy,
      seconds,
      weights,
    };
    emit(record);
    testAccuracy = accuracy;
    const step = epoch * perEpoch + i;
    if (i === perEpoch && (checkpointDue(step) || step === end)) {
      await hooks.onCheckpoint?.({ epoch: epoch + 1, batch: 0 });
    }
    if ((await hooks.onEpoch?.(record, model)) === false) break;
  }
  const done = Math.min(epoch * perEpoch + i, end);
  return { steps: done, aborted, testAccuracy, weights: hashWeights(model) };
}
