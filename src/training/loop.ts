/**
 * The training loop. One seed decides the weights, the order of the images, their augmentation and the dropout masks;
 * the store decides nothing of that, so a plain run and a COMET run of one seed see the same numbers until the first
 * compressed tensor.
 */
import { platform } from "#platform";
import { Audit } from "../comet/audit.js";
import { probe } from "../comet/probe.js";
import type { PackRecord } from "../comet/store.js";
import type { Bytes } from "../device/ledger.js";
import { abandon, assertNothingLeaks, backward } from "../engine/op.js";
import { Tensor } from "../engine/tensor.js";
import { NumericError } from "../error.js";
import type { Module } from "../nn/index.js";
import { createRng, deriveSeed, type Rng } from "../rng.js";
import { calibrate } from "./calibrate.js";
import { type Batch, evaluate, loadBatch, lossOf } from "./evaluation.js";
import type { SiteRecord, TrainRecord } from "./records.js";
import type { Session, Settings } from "./session.js";
import { thin, timedSteps } from "./timeline.js";

export interface TrainHooks {
  onRecord?(record: TrainRecord): void;
  /** Steps whose gradients are measured against the exact ones (COMET only). */
  probeAt?(step: number): boolean;
  /** How often a probe compresses its step anew; probe's own number unless told. */
  readonly draws?: number;
  /** Steps whose every frame is compared with its original (COMET only). */
  auditAt?(step: number): boolean;
  /** Channels of each tensor that an audited step keeps as samples. */
  samplesAt?(step: number): number;
  /** Ends the run after the step under way. */
  signal?: AbortSignal;
  /** Steps from one checkpoint to the next; 0, the default: one after each epoch. */
  checkpointEvery?: number;
  /** Here, the session and the records so far are those of `position`; nothing moves until the promise is kept. */
  onCheckpoint?(position: Position): Promise<void>;
}

export interface Outcome {
  /** Of the whole run. */
  steps: number;
  aborted: boolean;
  /** NaN if this call ended no epoch. */
  testAccuracy: number;
  weights: string;
}

/** Where a run stands: so many batches of that epoch are done. Its evaluation, after the last of them, is not. */
export interface Position {
  epoch: number;
  batch: number;
}

/** Steps in a run over so many training images. */
export function totalSteps({ epochs, batch, steps }: Settings, images: number): number {
  const all = epochs * Math.ceil(images / batch);
  return steps > 0 ? Math.min(steps, all) : all;
}

/** The step before which it ends: the last, or where it is told to stop. */
export function endOf(settings: Settings, images: number): number {
  const total = totalSteps(settings, images);
  return settings.stopAfter > 0 ? Math.min(settings.stopAfter, total) : total;
}

/** Steps that are done at a position. */
export const stepsDone = ({ epoch, batch }: Position, settings: Settings, images: number): number =>
  epoch * Math.ceil(images / settings.batch) + batch;

/** Trains from `from` on; unless that is the start, the session holds what it held there: see checkpoint.ts. */
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
      // Signals, timers and the progress line get their turn.
      await platform.pause();
    }
    // A run that is to end within an epoch is evaluated there; a longer one goes on as if it had not been.
    aborted = stopped();
    if (aborted || i < perEpoch) await hooks.onCheckpoint?.({ epoch, batch: i });
    if (aborted) break;
    session.average?.swap();
    const { loss, accuracy } = await evaluate(session, dataset.test);
    session.average?.swap();
    const [seconds, weights] = [(performance.now() - started) / 1000, hashWeights(model)];
    emit({ kind: "epoch", epoch, testLoss: loss, testAccuracy: accuracy, seconds, weights });
    testAccuracy = accuracy;
    const step = epoch * perEpoch + i;
    if (i === perEpoch && (checkpointDue(step) || step === end)) {
      await hooks.onCheckpoint?.({ epoch: epoch + 1, batch: 0 });
    }
  }
  const done = Math.min(epoch * perEpoch + i, end);
  return { steps: done, aborted, testAccuracy, weights: hashWeights(model) };
}

/** One step on batch `i` of an epoch, with what is to be measured before it. */
async function runStep(
  session: Session,
  images: EpochImages,
  i: number,
  context: Omit<StepContext, "calibrationMs">,
): Promise<void> {
  const { settings, engine, model, comet } = session;
  const { step, hooks, emit } = context;
  const batch = await images.batch(i);
  images.prepare(i + 1);
  engine.stepSeed = deriveSeed(settings.seed, `step ${step}`);
  const calibrationStarted = performance.now();
  const outlook = comet?.controller.fresh ? calibrate(session, batch) : null;
  if (outlook) emit(outlook);
  const calibrationMs = performance.now() - calibrationStarted;
  comet?.controller.begin(step);
  if (comet && hooks.probeAt?.(step)) {
    const forward = () => lossOf(session, copy(batch.images), copy(batch.labels));
    emit({ kind: "probe", step, rows: probe(engine, comet, model, forward, hooks.draws) });
  }
  const loss = trainStep(session, batch, { ...context, calibrationMs });
  if (!Number.isFinite(loss)) throw nonFiniteLoss(session, step, loss, await images.batch(i));
  assertNothingLeaks(engine);
}

/** The training images of an epoch in its own order, which depends on the seed and the epoch alone. */
class EpochImages {
  readonly #session: Session;
  readonly #order: Uint32Array;
  readonly #augmentation: Rng | null;

  constructor(session: Session, epoch: number) {
    const { seed, augment } = session.settings;
    const rng = createRng(seed);
    this.#session = session;
    this.#order = rng.fork(`order ${epoch}`).permutation(session.dataset.train.length);
    this.#augmentation = augment ? rng.fork(`augmentation ${epoch}`) : null;
  }

  batch(i: number): Promise<Batch> {
    return loadBatch(this.#session, this.#session.dataset.train, this.#indices(i), this.#augmentation);
  }

  /** Announces a batch; one behind the epoch's last is none. */
  prepare(i: number): void {
    const indices = this.#indices(i);
    if (indices.length > 0) this.#session.dataset.train.prepare?.(indices, this.#augmentation);
  }

  #indices(i: number): Uint32Array {
    const { batch } = this.#session.settings;
    return this.#order.subarray(i * batch, (i + 1) * batch);
  }
}

/** A tensor of its own, so that the store may pack it while the original stays. */
const copy = (tensor: Tensor): Tensor =>
  Tensor.from(tensor.engine, tensor.data, tensor.shape, "copy of the batch");

interface StepContext {
  step: number;
  epoch: number;
  steps: number;
  hooks: TrainHooks;
  emit(record: TrainRecord): void;
  /** Whether its memory timeline is recorded. */
  timed: boolean;
  /** What calibrating a controller that knew nothing took before it. */
  calibrationMs: number;
}

/** One step; consumes the batch. Returns the loss; if that is not finite, no weight was updated. */
function trainStep(session: Session, { images, labels }: Batch, context: StepContext): number {
  const { engine, optimizer, comet, settings, schedule } = session;
  const { step, epoch, steps, hooks, emit } = context;
  const started = performance.now();
  const { ledger } = engine.device;
  const packs: PackRecord[] = [];
  const timeline: Bytes[] = [];
  ledger.resetPeak();
  ledger.onChange = context.timed ? (live) => timeline.push({ ...live }) : null;
  comet?.controller.plan?.open();
  if (comet) {
    comet.audit = hooks.auditAt?.(step) ? new Audit(hooks.samplesAt?.(step) ?? 0) : null;
    comet.onPack = (record) => packs.push(record);
  }
  const seen = { right: 0, rightOfFive: 0 };
  const count = labels.size;
  const loss = lossOf(session, images, labels, seen);
  const value = loss.data[0]!;
  if (!Number.isFinite(value)) {
    loss.dispose();
    abandon(engine);
    return value;
  }
  backward(loss);
  comet?.controller.plan?.closed(ledger.peak.saved, count);
  const lr = settings.lr * schedule(step, steps);
  optimizer.step(schedule(step, steps));
  session.average?.update();
  comet?.controller.assess((parameter) => optimizer.meanMomentum(parameter));
  ledger.onChange = null;
  const total = (records: PackRecord[], key: "rawBytes" | "packedBytes") =>
    records.reduce((sum, record) => sum + record[key], 0);
  emit({
    kind: "step",
    step,
    epoch,
    loss: value,
    accuracy: seen.right / count,
    lr,
    ms: performance.now() - started + context.calibrationMs,
    savedPeakBytes: ledger.peak.saved,
    devicePeakBytes: ledger.peakTotal,
    convRawBytes: total(
      packs.filter(({ conv }) => conv),
      "rawBytes",
    ),
    convPackedBytes: total(
      packs.filter(({ servesConv }) => servesConv),
      "packedBytes",
    ),
    audited: comet?.audit != null,
    rawBytes: total(packs, "rawBytes"),
    packedBytes: total(packs, "packedBytes"),
  });
  if (comet?.audit) {
    const { frames, values, worst, moved, samples } = comet.audit;
    emit({ kind: "audit", step, frames, values, worst, moved });
    for (const { original, decoded, ...sample } of samples) {
      emit({ kind: "sample", step, ...sample, original: [...original], decoded: [...decoded] });
    }
  }
  if (comet?.controller.collecting) emit({ kind: "sites", step, sites: siteRows(session, packs) });
  if (context.timed) emit({ kind: "memory", step, timeline: thin(timeline, 600) });
  return value;
}

function siteRows({ comet }: Session, packs: PackRecord[]): SiteRecord["sites"] {
  return [...comet!.controller.sites.values()].map(({ site, applied, acceptedSigma, observation }) => {
    const pack = packs.find((record) => record.site === site.name);
    return {
      name: site.name,
      bound: applied > 0 ? applied : null,
      acceptedSigma,
      nonZero: observation?.nonZero ?? Number.NaN,
      rawBytes: pack?.rawBytes ?? 0,
      packedBytes: pack?.packedBytes ?? 0,
    };
  });
}

/** Runs the batch once more, looking at every output, to say where the numbers went wrong. */
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
    remedy: "use a smaller --lr, or a --warmup of some steps",
  });
}

/** SHA-256 over names and bytes of all weights and running statistics, in order. */
export function hashWeights(model: Module): string {
  const hash = platform.sha256();
  for (const [name, tensor] of model.state()) {
    const { data } = tensor;
    hash.update(name);
    hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice());
  }
  return hash.digest();
}
