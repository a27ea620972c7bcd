/** Whole runs, small: the same bits whatever computes them, the promise on every frame, and the law on real steps. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Dataset } from "../../src/data/dataset.js";
import { openDataset } from "../../src/data/open.js";
import { randomImages } from "../../src/data/random.js";
import { MemoryError, NumericError, UsageError } from "../../src/error.js";
import { Summarizer, type Summary } from "../../src/runs/summary.js";
import type { TrainHooks } from "../../src/training/hooks.js";
import { train } from "../../src/training/loop.js";
import type { StepRecord, TrainRecord } from "../../src/training/records.js";
import { createSession } from "../../src/training/session.js";
import { defaults, type Settings } from "../../src/training/settings.js";

let dataset: Dataset;
before(async () => {
  dataset = await openDataset("fashion-mnist");
});
after(() => dataset.close());

const small: Settings = { ...defaults, model: "lenet", batch: 32, steps: 12, lr: 0.05, threads: 1 };

/** The same data with fewer images, so that an epoch's evaluation is short. */
const part = (train: number, test: number): Dataset => ({
  ...dataset,
  train: { ...dataset.train, length: train, batch: dataset.train.batch.bind(dataset.train) },
  test: { ...dataset.test, length: test, batch: dataset.test.batch.bind(dataset.test) },
});

interface Ran {
  weights: string;
  records: TrainRecord[];
  steps: StepRecord[];
  summary: Summary;
}

async function run(
  settings: Partial<Settings>,
  hooks: TrainHooks = {},
  prepare?: (session: ReturnType<typeof createSession>) => void,
  images: Dataset = part(2000, 100),
): Promise<Ran> {
  const session = createSession({ ...small, ...settings }, images);
  prepare?.(session);
  const records: TrainRecord[] = [];
  const summarizer = new Summarizer();
  const outcome = await train(session, {
    ...hooks,
    onRecord(record) {
      records.push(record);
      summarizer.add(record);
    },
  });
  const steps = records.filter((record) => record.kind === "step");
  return { weights: outcome.weights, records, steps, summary: summarizer.summary };
}

test("the same seed gives the same weights, another seed others", async () => {
  const first = await run({});
  assert.equal((await run({})).weights, first.weights);
  assert.notEqual((await run({ seed: 2 })).weights, first.weights);
});

test("probes and audits change nothing", async () => {
  const probed = await run({}, { probeAt: (step) => step === 5, auditAt: (step) => step === 7 });
  assert.equal(probed.weights, (await run({})).weights);
});

test("plain and COMET see the same first loss and differ afterwards", async () => {
  const [plain, comet] = [await run({ store: "plain" }), await run({})];
  assert.equal(comet.steps[0]!.loss, plain.steps[0]!.loss);
  assert.notEqual(comet.weights, plain.weights);
});

for (const quantizer of ["support", "paper", "dithered"] as const) {
  test(`every value of every frame of every step is within its bound: ${quantizer}`, async () => {
    const { summary, records } = await run(
      { quantizer, model: "resnet8", steps: 6 },
      { auditAt: () => true },
    );
    assert.ok(summary.auditedFrames >= 6 * 8);
    assert.ok(summary.worstErrorRatio! < 1, `worst error ÷ bound ${summary.worstErrorRatio}`);
    const moved = records.reduce((sum, record) => sum + (record.kind === "audit" ? record.moved : 0), 0);
    if (quantizer !== "paper") assert.equal(moved, 0, "a zero was lost, or made");
  });
}

/** Root mean squares over the probed steps and 6 draws of each; one draw of a small layer scatters by 5 to 25 %. */
async function predictsEveryGradient(settings: Partial<Settings>, every: number, gradients: number) {
  const { summary } = await run(settings, { probeAt: (step) => step >= 20 && step % every === 0 });
  assert.equal(summary.sigma.length, gradients);
  for (const { parameter, predicted, measured } of summary.sigma) {
    const ratio = predicted / measured;
    assert.ok(ratio > 0.9 && ratio < 1.1, `${parameter}: predicted ÷ measured ${ratio}`);
  }
}

test("the law's σ is the measured one for each layer of lenet, on real training steps", () =>
  predictsEveryGradient({ model: "lenet", batch: 32, steps: 130 }, 10, 5));

test("the law's σ is the measured one for each layer of resnet8, on real training steps", () =>
  predictsEveryGradient({ model: "resnet8", store: "comet-conv", batch: 16, steps: 61 }, 5, 8));

test("what arrives and what a site does itself are the measured σ of each gradient where batch normalisation errs too", () =>
  predictsEveryGradient({ model: "resnet8", batch: 16, steps: 61 }, 5, 15));

test("the law test can fail: under support quantisation a flat background errs all alike", async () => {
  const probeAt = (step: number) => step >= 20 && step % 10 === 0;
  const settings = { model: "resnet8", store: "comet-conv", quantizer: "support", steps: 61 } as const;
  const { summary } = await run(settings, { probeAt });
  assert.ok(summary.sigma.some(({ predicted, measured }) => predicted / measured < 0.8));
});

test("the recompute store trains to plain's bits in less memory", async () => {
  const settings = { model: "resnet8", batch: 16, steps: 5 } as const;
  const [plain, recomputed] = [
    await run({ ...settings, store: "plain" }),
    await run({ ...settings, store: "recompute" }),
  ];
  assert.equal(recomputed.weights, plain.weights);
  assert.ok(plain.summary.savedPeakBytes > 1.9 * recomputed.summary.savedPeakBytes);
  assert.ok(plain.summary.devicePeakBytes > 1.2 * recomputed.summary.devicePeakBytes);
});

for (const [store, falls] of [
  ["comet-conv", 0.95],
  // What may yet be made from a tensor holds it: some activations live longer.
  ["comet", 0.8],
] as const) {
  const title = "the device's peak falls by what the frames and masks say";
  test(`${title}: ${store}`, async () => {
    const settings = { model: "resnet20", batch: 64, steps: 3 } as const;
    const [plain, comet] = [await run({ ...settings, store: "plain" }), await run({ ...settings, store })];
    comet.steps.forEach((step, i) => {
      const said = step.rawBytes - step.packedBytes;
      const saved = plain.steps[i]!.savedPeakBytes - step.savedPeakBytes;
      const fell = plain.steps[i]!.devicePeakBytes - step.devicePeakBytes;
      assert.ok(said > 0.4 * plain.steps[i]!.savedPeakBytes);
      assert.ok(Math.abs(saved / said - 1) < 0.01, `saved fell by ${saved}, frames say ${said}`);
      assert.ok(fell / said > falls && fell / said < 1.05, `the peak fell by ${fell}, frames say ${said}`);
    });
  });
}

for (const settings of [
  { model: "resnet20", batch: 64 },
  { model: "efficientnet_b0", batch: 8, image: 64 },
] as const) {
  test(`what is kept for who asks next leaves every step's peak as it is: ${settings.model}`, async () => {
    const { model, batch } = settings;
    const images = "image" in settings ? randomImages(3 * batch, settings.image) : undefined;
    const peaks = async (kept: boolean) => {
      let keeps = 0;
      const { steps } = await run(
        { model, batch, steps: 3, threads: 2 },
        {},
        ({ engine: { device } }) => {
          const { add } = device.releasers;
          device.releasers.add = (release) => {
            keeps++;
            return add.call(device.releasers, release);
          };
          if (!kept) device.fitsBelowPeak = () => false;
        },
        images,
      );
      assert.equal(keeps > 0, kept);
      return steps.map(({ loss, savedPeakBytes, devicePeakBytes }) => ({
        loss,
        savedPeakBytes,
        devicePeakBytes,
      }));
    };
    assert.deepEqual(await peaks(true), await peaks(false));
  });
}

test("a batch that does not fit plainly fits with COMET, and the error says what would help", async () => {
  const settings = { model: "resnet20", batch: 64, steps: 2, memory: "60MiB" } as const;
  await assert.rejects(run({ ...settings, store: "plain" }), (error: Error) => {
    assert.ok(error instanceof MemoryError);
    assert.match(
      error.message,
      /smaller settings.batch, a larger settings.memory, or settings.store recompute or comet$/,
    );
    return true;
  });
  assert.equal((await run(settings)).steps.length, 2);
});

test("a loss that is no number stops the run and names the step and the layer", async () => {
  await assert.rejects(
    run({ steps: 30, lr: 1e30, store: "plain" }),
    (error: Error) => error instanceof NumericError && /^step \d+: .*(weight|output of) /.test(error.message),
  );
});

test("an interrupted run ends after the step under way", async () => {
  const stop = new AbortController();
  const session = createSession(small, part(2000, 100));
  const outcome = await train(session, {
    signal: stop.signal,
    onRecord: (record) => {
      if (record.kind === "step" && record.step === 3) stop.abort();
    },
  });
  assert.deepEqual([outcome.aborted, outcome.steps], [true, 4]);
});

test("settings that make no sense are refused", () => {
  for (const wrong of [
    { batch: 0 },
    { batch: 1.5 },
    { epochs: 0 },
    { lr: Number.NaN },
    { lr: -1 },
    { model: "resnet21" },
  ]) {
    assert.throws(() => createSession({ ...small, ...wrong }, dataset), UsageError);
  }
});
