/** What answers make of runs whose figures are known. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { VariantRuns } from "../../src/experiments/answer.js";
import { accuracy, measuredOf } from "../../src/experiments/answers/accuracy.js";
import { courseOf, layerErrors } from "../../src/experiments/answers/gradient-errors.js";
import { secondsTo, speedOf } from "../../src/experiments/answers/larger-batch.js";
import { reZeroed } from "../../src/experiments/answers/own-choices.js";
import { layerRatios } from "../../src/experiments/answers/ratios.js";
import { answers } from "../../src/experiments/answers/registry.js";
import { peakOf } from "../../src/experiments/answers/whole-memory.js";
import { collecting, stepMs, stepsOf } from "../../src/experiments/courses.js";
import type { ProbeRow } from "../../src/stores/probe.js";
import { planned, runOf, smallExperiment } from "./small-experiment.js";

const variant = (label: string, accuracies: readonly number[]): VariantRuns => ({
  label,
  seeds: accuracies.map((_, i) => i + 1),
  runs: new Map(accuracies.map((each, i) => [i + 1, runOf(planned({}, i + 1), each)])),
});

const two = [variant("plain", [0.6, 0.8]), variant("COMET", [0.59, 0.81])];

test("accuracies, their paired difference, and the ratios of the whole run and of its lowest epoch", () => {
  const [plain, comet] = measuredOf(two);
  assert.equal(plain!.difference, null);
  assert.ok(Math.abs(comet!.difference!.mean) < 1e-12);
  assert.ok(Math.abs(comet!.difference!.error! - 0.01) < 1e-12);
  assert.equal(comet!.ratio, 320 / 60);
  assert.equal(comet!.lowestRatio, 4);
  const { words, figures } = accuracy({ experiment: smallExperiment, variants: two, measurements: [] });
  assert.match(
    words[0]!,
    /differs from that of “plain” by .0\.00 points over 2 common seeds, with a standard error of 1\.00.*includes 0/,
  );
  assert.deepEqual(
    figures.map(({ name }) => name),
    ["accuracy", "test-accuracy", "ratio"],
  );
});

test("the time of a step leaves out the first, audited ones and pauses, and has its share of collecting ones", () => {
  const run = runOf(planned(), 0.8);
  const [first] = stepsOf(run);
  const timed = (step: number, ms: number, audited = false) => ({ ...first!, step, ms, audited });
  const records = [timed(0, 40), timed(1, 10), timed(2, 10), timed(3, 5000), timed(4, 70, true)];
  assert.equal(stepMs({ ...run, records }), 10);
  const sites = { kind: "sites" as const, step: 5, sites: [] };
  assert.equal(stepMs({ ...run, records: [...records.slice(0, 3), timed(5, 30), sites] }), 15);
  assert.equal(stepMs({ ...run, records: [timed(0, 70, true)] }), 70);
});

test("what collecting costs is the difference of the steps that do it", () => {
  const run = runOf(planned(), 0.8);
  const step = stepsOf(run)[0]!;
  const records = [0, 1, 2, 3, 4].map((i) => ({ ...step, step: i, ms: i === 3 ? 16 : 10 }));
  assert.equal(collecting({ ...run, records }), null);
  const sites = { kind: "sites" as const, step: 3, sites: [] };
  assert.deepEqual(collecting({ ...run, records: [...records, sites] }), {
    steps: 1,
    collectingMs: 16,
    otherMs: 10,
  });
});

test("the time to an accuracy is that of the steps up to the first epoch that has it", () => {
  const run = runOf(planned(), 0.8);
  assert.equal(secondsTo(run, 0.7), 0.02);
  assert.equal(secondsTo(run, 0.8), 0.04);
  assert.equal(secondsTo(run, 0.9), null);
  assert.equal(speedOf(run), 6400);
});

test("a layer's errors are put together over the probed steps", () => {
  const row = (predicted: number | null, measured: number): ProbeRow => ({
    ...{ parameter: "w", predicted, measured, own: predicted, bound: predicted, weights: 4, draws: 1 },
    standardized: [measured],
  });
  const probes = [row(3, 3), row(4, 5), row(null, 1), row(1, 0)].map((each, step) => ({
    kind: "probe" as const,
    step,
    rows: [each],
  }));
  const [layer] = layerErrors(probes);
  assert.equal(layer!.predicted, Math.sqrt((9 + 16) / 2));
  assert.equal(layer!.measured, Math.sqrt((9 + 25) / 2));
  assert.deepEqual(layer!.standardized, [3, 5]);
  const both = [...probes, { kind: "probe" as const, step: 1, rows: [row(9, 5)] }];
  assert.deepEqual(courseOf(both), [
    { x: 0, mean: 1, low: 1, high: 1 },
    { x: 1, mean: 1.3, low: 0.8, high: 1.8 },
  ]);
});

test("a layer's ratio is that of all its bytes, and shared tensors have none of their own", () => {
  const run = runOf(planned(), 0.5);
  const site = (name: string, rawBytes: number, packedBytes: number) => ({
    name,
    bound: 1,
    acceptedSigma: 1,
    nonZero: 1,
    rawBytes,
    packedBytes,
  });
  run.records.push(
    { kind: "sites", step: 0, sites: [site("a", 100, 10), site("b", 100, 0)] },
    { kind: "sites", step: 1, sites: [site("a", 100, 40)] },
  );
  assert.deepEqual(layerRatios({ label: "x", seeds: [1], runs: new Map([[1, run]]) }), [
    { site: "a", ratio: 4, least: 2.5, most: 10, share: 1 },
  ]);
});

test("setting small decoded values to 0 breaks the bound", () => {
  const found = reZeroed([{ bound: 1, original: [1.5, 0.2], decoded: [0.9, 0.3] }]);
  assert.ok(Math.abs(found!.kept - 0.6) < 1e-12);
  assert.equal(found!.zeroed, 1.5);
  assert.equal(reZeroed([]), null);
});

test("the memory at the peak is that of the largest sum", () => {
  const run = runOf(planned(), 0.5);
  const live = (saved: number) => ({
    parameters: 1,
    optimiser: 1,
    gradients: 1,
    saved,
    activations: 1,
    workspace: 1,
  });
  run.records.push({ kind: "memory", step: 0, timeline: [live(1), live(9), live(2)] });
  assert.equal(peakOf({ label: "x", seeds: [1], runs: new Map([[1, run]]) })!.saved, 9);
});

test("every answer says something of runs without any measurement, and of none", () => {
  for (const [name, answer] of Object.entries(answers)) {
    for (const variants of [two, []]) {
      const { tables, words } = answer({ experiment: smallExperiment, variants, measurements: [] });
      assert.ok(Array.isArray(words), name);
      for (const { head, rows } of tables) {
        for (const row of rows) assert.equal(row.length, head.length, `${name}: ${row}`);
      }
    }
  }
});
