/** An experiment of a few steps on embedded images, and an evaluation of made-up runs. */
import type { Experiment, ScaleOf } from "../../src/experiments/experiment.js";
import { type PlannedRun, planRun } from "../../src/experiments/planned-run.js";
import type { Manifest } from "../../src/runs/manifest.js";
import { manifestVersion } from "../../src/runs/manifest.js";
import type { Run } from "../../src/runs/run.js";
import type { StepRecord, TrainRecord } from "../../src/training/records.js";

const scale: ScaleOf = {
  data: "fashion-mnist",
  classes: 10,
  settings: { model: "lenet", batch: 8, steps: 6 },
  seeds: [1, 2],
};

export const smallExperiment: Experiment = {
  name: "small",
  question: "Is it the same?",
  claim: { text: "It is.", source: "recalled" },
  difference: "It is small.",
  answer: "accuracy",
  settings: {},
  variants: [
    { label: "plain", settings: { store: "plain" } },
    { label: "COMET", settings: { store: "comet" } },
  ],
  scales: { smoke: scale, laptop: { ...scale, seeds: [1] }, paper: { ...scale, data: null, classes: 1000 } },
};

export const planned = (
  settings: Record<string, string | number | boolean> = {},
  seed = 1,
  more: { probeEvery?: number } = {},
): PlannedRun =>
  planRun({
    label: "plain",
    seed,
    settings: { model: "lenet", store: "plain", steps: 6, ...settings },
    data: { source: "fashion-mnist", image: 224, skipBad: false, maxPixels: 1e6 },
    dataset: { hash: "00ff", train: { length: 64, batch() {} } },
    ...more,
  });

/** The manifest of a run as it was planned. */
export const manifestOf = (
  { settings, data, hash, steps, measured }: PlannedRun,
  changes: Partial<Manifest> = {},
): Manifest => ({
  version: manifestVersion,
  id: "small",
  versions: { comet: "0", node: "v20", arch: "x64", code: "c0de", commit: "abc" },
  profile: "strict",
  threads: 1,
  settings,
  data: { name: "noise", hash, train: 64, test: 8, ...data },
  measured,
  checkpointEvery: 0,
  started: "2026-11-29T00:00:00.000Z",
  ended: "2026-11-29T00:01:00.000Z",
  status: "done",
  error: null,
  steps,
  testAccuracy: 0.5,
  weights: "ff",
  residentPeakBytes: 1,
  ...changes,
});

const step = (changes: Partial<StepRecord>): StepRecord => ({
  ...{ kind: "step", step: 0, epoch: 0, loss: 1, accuracy: 0.5, lr: 0.1, ms: 10, audited: false },
  ...{ savedPeakBytes: 8, devicePeakBytes: 16, rawBytes: 0, packedBytes: 0 },
  ...{ convRawBytes: 80, convPackedBytes: 10, ...changes },
});

/** A finished run of two epochs of two steps: the ratios of the epochs are 8 and 4, the test accuracy is given. */
export function runOf(plan: PlannedRun, testAccuracy: number): Run {
  const records: TrainRecord[] = [0, 1].flatMap((epoch) => [
    ...[0, 1].map((i) => step({ step: 2 * epoch + i, epoch, convPackedBytes: epoch === 0 ? 10 : 20 })),
    {
      kind: "epoch" as const,
      epoch,
      testLoss: 1,
      testAccuracy: testAccuracy - 0.1 * (1 - epoch),
      seconds: 1,
      weights: "ff",
    },
  ]);
  return { path: "small", manifest: manifestOf(plan, { testAccuracy }), records };
}
