/** One training step: forward, backward, update; and what is measured before and during it. */

import type { Bytes } from "../device/ledger.js";
import { Occupancy } from "../device/occupancy.js";
import type { Expectation } from "../engine/controller.js";
import type { PackEvent } from "../engine/store.js";
import { abandon, assertNothingLeaks, backward } from "../engine/tape.js";
import { Tensor } from "../engine/tensor.js";
import { NumericError } from "../error.js";
import { deriveSeed } from "../rng.js";
import { Audit } from "../stores/audit.js";
import { type PackRecord, packRecord } from "../stores/pack-record.js";
import { probe } from "../stores/probe.js";
import type { EpochImages } from "./epoch.js";
import { type Batch, lossOf } from "./evaluation.js";
import type { TrainHooks } from "./hooks.js";
import type { SiteRecord, StepRecord, TrainRecord } from "./records.js";
import type { Session } from "./session.js";
import { thin } from "./timeline.js";
import { rehearseStep, trialOf } from "./trial.js";

export interface StepContext {
  step: number;
  epoch: number;
  /** The number of steps of the whole run. */
  steps: number;
  hooks: TrainHooks;
  emit(record: TrainRecord): void;
  /** Whether the step's memory is recorded over time. */
  timed: boolean;
}

/** One step on batch `i` of an epoch, with what is to be measured before it. */
export async function runStep(
  session: Session,
  images: EpochImages,
  i: number,
  context: StepContext,
): Promise<void> {
  const { settings, engine, model } = session;
  const { controller, chains, keeps } = engine.store;
  const { step, hooks, emit } = context;
  const batch = await images.batch(i);
  images.prepare(i + 1);
  engine.stepSeed = deriveSeed(settings.seed, `step ${step}`);
  const started = performance.now();
  if (keeps !== "all" && chains.stale) rehearseStep(session, batch);
  const expected: Expectation | null = controller?.prepare?.(trialOf(session, batch)) ?? null;
  if (expected) emit({ kind: "plan", ...expected });
  const calibrationMs = performance.now() - started;
  controller?.begin?.(step);
  if (hooks.probeAt?.(step)) {
    const forward = () => lossOf(session, copy(batch.images), copy(batch.labels));
    emit({ kind: "probe", step, rows: probe(engine, model, forward, hooks.draws, hooks.gradientErrors) });
  }
  const loss = trainStep(session, batch, calibrationMs, context);
  if (!Number.isFinite(loss)) throw nonFiniteLoss(session, step, loss, await images.batch(i));
  assertNothingLeaks(engine);
}

/** A tensor of its own, so that the store may pack it while the original stays. */
const copy = (tensor: Tensor): Tensor =>
  Tensor.from(tensor.engine, tensor.data, tensor.shape, "copy of the batch");

/** Consumes the batch. Returns the loss; if that is not finite, no weight was updated. */
function trainStep(
  session: Session,
  { images, labels }: Batch,
  calibrationMs: number,
  context: StepContext,
): number {
  const { engine, optimizer, settings, schedule } = session;
  const { store, device } = engine;
  const { controller } = store;
  const { step, epoch, steps, hooks, emit } = context;
  const started = performance.now();
  const { ledger } = device;
  const packs: PackRecord[] = [];
  const timeline: Bytes[] = [];
  const audit = hooks.auditAt?.(step) ? new Audit(hooks.samplesAt?.(step) ?? 0) : null;
  const rate = schedule(step, steps);
  const receiver = optimizer.receiver(rate);
  ledger.resetPeak();
  // Those of probes do not count.
  store.transfers();
  const occupancy = context.timed ? new Occupancy() : null;
  ledger.onChange = occupancy
    ? (live, total) => {
        timeline.push({ ...live });
        occupancy.changed(device.op, total, () => device.blocks());
      }
    : null;
  controller?.open?.();
  store.onPack = (event: PackEvent) => {
    // A store that only recomputes packs nothing, so its tensors have no ratio.
    if (store.keeps !== "first") packs.push(packRecord(event));
    audit?.look(event);
    hooks.onPack?.(event);
  };
  const seen = { right: 0, rightOfFive: 0 };
  const count = labels.size;
  const loss = lossOf(session, images, labels, seen);
  const value = loss.data[0]!;
  if (!Number.isFinite(value)) {
    store.onPack = null;
    loss.dispose();
    abandon(engine);
    return value;
  }
  backward(loss, receiver);
  store.onPack = null;
  controller?.end?.({ savedPeakBytes: ledger.peak.saved, images: count });
  const expected = controller?.expected?.() ?? null;
  session.average?.update();
  controller?.assess?.((parameter) => optimizer.meanMomentum(parameter));
  ledger.onChange = null;
  const record: StepRecord = {
    kind: "step",
    step,
    epoch,
    loss: value,
    accuracy: seen.right / count,
    lr: settings.lr * rate,
    ms: performance.now() - started + calibrationMs,
    savedPeakBytes: ledger.peak.saved,
    devicePeakBytes: ledger.peakTotal,
    ...bytesOf(packs),
    audited: audit !== null,
    ...expected,
  };
  emit(record);
  hooks.onStep?.(record);
  if (audit) emitAudit(audit, step, emit);
  const transfers = store.transfers();
  if (transfers) {
    const computeMs = record.ms - transfers.copyMs;
    emit({ kind: "transfers", step, ...transfers, computeMs, modelledMs: computeMs + transfers.stallMs });
  }
  const sites = controller?.report?.();
  if (sites)
    emit({ kind: "sites", step, sites: sites.map((site) => ({ ...site, ...bytesAt(packs, site.name) })) });
  if (occupancy?.record) {
    emit({ kind: "memory", step, timeline: thin(timeline, 600), occupancy: occupancy.record });
  }
  return value;
}

type StepBytes = Pick<StepRecord, "convRawBytes" | "convPackedBytes" | "rawBytes" | "packedBytes">;

function bytesOf(packs: readonly PackRecord[]): StepBytes {
  const total = (records: readonly PackRecord[], key: "rawBytes" | "packedBytes") =>
    records.reduce((sum, record) => sum + record[key], 0);
  return {
    convRawBytes: total(
      packs.filter(({ conv }) => conv),
      "rawBytes",
    ),
    convPackedBytes: total(
      packs.filter(({ servesConv }) => servesConv),
      "packedBytes",
    ),
    rawBytes: total(packs, "rawBytes"),
    packedBytes: total(packs, "packedBytes"),
  };
}

function bytesAt(
  packs: readonly PackRecord[],
  name: string,
): Pick<SiteRecord["sites"][0], "rawBytes" | "packedBytes"> {
  const { rawBytes = 0, packedBytes = 0 } = packs.find(({ site }) => site === name) ?? {};
  return { rawBytes, packedBytes };
}

function emitAudit(
  { frames, values, worst, moved, unbounded, largest, samples }: Audit,
  step: number,
  emit: StepContext["emit"],
): void {
  emit({ kind: "audit", step, frames, values, worst, moved, unbounded, largest });
  for (const { original, decoded, ...sample } of samples) {
    emit({ kind: "sample", step, ...sample, original: [...original], decoded: [...decoded] });
  }
}

/** Runs the batch once more and looks at every output, to find where the first non-finite number appears. */
function nonFiniteLoss(
  session: Session,
  step: number,
  loss: number,
  { images, labels }: Batch,
): NumericError {
  const { engine, model } = session;
  const bad = (tensor: Tensor) => engine.kernels.nonFinite(tensor.data) >= 0;
  let first: string | null = bad(images) ? "the input images" : null;
  if (first === null) {
    for (const { name, value } of model.allParameters())
      if (first === null && bad(value)) first = `weight ${name}`;
  }
  engine.recording = false;
  engine.onOutput = (site, y) => {
    if (first === null && bad(y)) first = `the output of ${site}`;
  };
  model.forward(images).dispose();
  labels.dispose();
  engine.onOutput = null;
  engine.recording = true;
  return new NumericError({
    where: `step ${step}`,
    expected: "a finite loss",
    got: `${loss}; first non-finite value in ${first ?? "the loss itself"}`,
    remedy: "use a smaller settings.lr, or a settings.warmup of some steps",
  });
}
