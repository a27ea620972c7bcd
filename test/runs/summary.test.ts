/** A run in a few figures: what an audit adds to a step is no part of them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Summarizer, type Summary } from "../../src/runs/summary.js";
import type { StepRecord, TrainRecord } from "../../src/training/records.js";
import { seed } from "../arbitrary/seed.js";

const summaryOf = (records: readonly TrainRecord[]): Summary => {
  const summarizer = new Summarizer();
  for (const record of records) summarizer.add(record);
  return summarizer.summary;
};

const bytes = fc.integer({ min: 1, max: 1e9 });
const anyStep = fc.record({
  kind: fc.constant("step" as const),
  step: fc.nat(1000),
  epoch: fc.nat(3),
  loss: fc.double({ min: 0, max: 10, noNaN: true }),
  accuracy: fc.double({ min: 0, max: 1, noNaN: true }),
  lr: fc.constant(0.1),
  ms: fc.integer({ min: 1, max: 1000 }),
  savedPeakBytes: bytes,
  devicePeakBytes: bytes,
  convRawBytes: bytes,
  convPackedBytes: bytes,
  rawBytes: bytes,
  packedBytes: bytes,
});
const steps = (audited: boolean, minLength: number): fc.Arbitrary<StepRecord[]> =>
  fc.array(
    anyStep.map((step) => ({ ...step, audited })),
    { minLength, maxLength: 8 },
  );

test("peaks, seconds a step and what packing saved are those of the steps that were not audited", () => {
  fc.assert(
    fc.property(steps(false, 1), steps(true, 0), fc.nat(), (plain, audited, at) => {
      const mixed = plain.toSpliced(at % (plain.length + 1), 0, ...audited);
      const [without, summary] = [summaryOf(plain), summaryOf(mixed)];
      assert.equal(summary.savedPeakBytes, without.savedPeakBytes);
      assert.equal(summary.devicePeakBytes, without.devicePeakBytes);
      assert.equal(summary.packingSavedBytes, without.packingSavedBytes);
      assert.equal(summary.steps, mixed.length);
      const [each, eachWithout] = [summary.stepSeconds / mixed.length, without.stepSeconds / plain.length];
      assert.ok(Math.abs(each - eachWithout) <= 1e-12 * eachWithout);
    }),
    { seed, numRuns: 300 },
  );
});

test("the ratio of convolutions' inputs is that of all steps, audited or not", () => {
  fc.assert(
    fc.property(steps(false, 1), steps(true, 1), (plain, audited) => {
      const all = [...plain, ...audited];
      const sum = (key: "convRawBytes" | "convPackedBytes") =>
        all.reduce((total, step) => total + step[key], 0);
      assert.equal(summaryOf(all).convRatio, sum("convRawBytes") / sum("convPackedBytes"));
      assert.equal(summaryOf(all).finalLoss, all.at(-1)!.loss);
    }),
    { seed, numRuns: 100 },
  );
});

test("the losses are the means of the first and of the last tenth of the steps", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 100 }), { minLength: 1, maxLength: 45 }), (losses) => {
      const [template] = fc.sample(steps(false, 1), { seed, numRuns: 1 })[0]!;
      const tenth = Math.ceil(losses.length / 10);
      const mean = (some: number[]) => some.reduce((sum, loss) => sum + loss, 0) / tenth;
      assert.deepEqual(summaryOf(losses.map((loss) => ({ ...template!, loss }))).losses, {
        start: mean(losses.slice(0, tenth)),
        end: mean(losses.slice(-tenth)),
      });
    }),
    { seed, numRuns: 50 },
  );
  assert.equal(summaryOf([]).losses, null);
});

test("σ is the root mean square over the probes, beside the least and the largest ratio of one", () => {
  const row = (predicted: number, measured: number) => ({
    ...{ parameter: "w", bound: 1, own: 0, weights: 1, draws: 1, standardized: [] },
    ...{ predicted, measured },
  });
  const probe = (step: number, ...rows: ReturnType<typeof row>[]): TrainRecord => ({
    kind: "probe",
    step,
    rows,
  });
  const { sigma } = summaryOf([probe(0, row(3, 2)), probe(1, row(4, 5))]);
  const [predicted, measured] = [Math.sqrt((9 + 16) / 2), Math.sqrt((4 + 25) / 2)];
  assert.deepEqual(sigma, [{ parameter: "w", predicted, measured, least: 0.8, most: 1.5 }]);
});

test("audits: the worst of all, and how many frames were looked at; null where none was", () => {
  const audit = (frames: number, worst: number): TrainRecord => ({
    ...{ kind: "audit", step: 0, values: 0, moved: 0 },
    ...{ frames, worst },
  });
  const { worstErrorRatio, auditedFrames } = summaryOf([
    audit(3, 0.5),
    audit(2, 0.9),
    audit(4, 0.1),
    audit(0, 7),
  ]);
  assert.deepEqual([worstErrorRatio, auditedFrames], [0.9, 9]);
  assert.equal(summaryOf([audit(0, 0)]).worstErrorRatio, null);
});

test("what was moved: the mean of the bytes, the most that waited, and the sums of the times", () => {
  const transfer = (step: number, sentBytes: number, stallMs: number): TrainRecord => ({
    kind: "transfers",
    step,
    ...{ sentBytes, fetchedBytes: sentBytes, hostPeakBytes: sentBytes, late: 0, copyMs: 1, stallMs },
    ...{ computeMs: 500, modelledMs: 500 + stallMs },
  });
  assert.equal(summaryOf([]).moved, null);
  assert.deepEqual(summaryOf([transfer(0, 100, 250), transfer(1, 300, 750)]).moved, {
    sentBytes: 200,
    hostPeakBytes: 300,
    stallSeconds: 1,
    modelledSeconds: 2,
  });
});
