/** The page of a comparison: it says what was measured, and draws every store, with error or without. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { cellsOf, columns, comparisonHtml } from "../../src/report/comparison.js";
import type { Comparison, StoreComparison } from "../../src/runs/comparison.js";
import { missing } from "../repo/browser.js";
import { assertDrawn, figuresOf } from "./drawn.js";

const layer = (parameter: string, error: number) => ({
  parameter,
  weights: 1000,
  samples: 4,
  gradient: 1e-2,
  error,
  bias: error / 10,
  sigma: error,
});

function storeOf(store: string, noise: number, changes: Partial<StoreComparison> = {}): StoreComparison {
  const knob = noise > 0 ? { setting: "step", value: 2 } : null;
  const at = (value: number) => ({
    knob: knob && { ...knob, value },
    savedBytes: 40_000 / value,
    noise: (noise * value) / 2,
  });
  return {
    ...at(2),
    store,
    note: "",
    unreached: null,
    convRatio: 7,
    devicePeakBytes: 5e6,
    storeShare: 0.4,
    layers: noise > 0 ? [layer("conv1.weight", 1e-4), layer("fc.bias", 0)] : [layer("conv1.weight", 0)],
    worstErrorRatio: noise > 0 ? 0.99 : null,
    auditedFrames: noise > 0 ? 12 : 0,
    largestError: null,
    curve: noise > 0 ? [at(4), at(2), at(1)] : [at(2)],
    accuracies: [],
    ...changes,
  };
}

const comparison = (...stores: StoreComparison[]): Comparison => ({
  model: "resnet8",
  dataset: "fashion-mnist",
  height: 28,
  width: 28,
  batch: 16,
  state: "after 100 plain steps",
  batches: 4,
  equal: "noise",
  target: 0.02,
  stores,
  failed: [],
});

test("a cell says exact, a share of the bound, or that there is no bound; and the spread of accuracies", () => {
  const cell = (title: string, store: StoreComparison) =>
    cellsOf(store)[columns.findIndex((column) => column.title === title)];
  const worst = "worst error of a value";
  assert.equal(cell(worst, storeOf("a", 0)), "exact");
  assert.equal(cell(worst, storeOf("a", 0.02)), "0.9900 of the bound");
  const unbounded = storeOf("a", 0.02, { worstErrorRatio: null, largestError: 0.125 });
  assert.equal(cell(worst, unbounded), "no bound, 0.125");
  const accuracies = [0.5, 0.6].map((accuracy, seed) => ({
    ...{ seed, accuracy },
    losses: { start: 2, end: 1 + accuracy },
  }));
  assert.equal(cell("accuracy", storeOf("a", 0, { accuracies })), "55.00 ± 7.07 %");
  assert.equal(cell("accuracy", storeOf("a", 0)), "–");
  assert.equal(cell("loss", storeOf("a", 0, { accuracies })), "2.00 → 1.55");
  assert.equal(cell("loss", storeOf("a", 0)), "–");
});

test("a page of exact stores has no figure of layers, and hostile names stay text", () => {
  assert.deepEqual(figuresOf(comparisonHtml(comparison(storeOf("a", 0)))), ["pareto"]);
  const evil = `</script><b>"'&`;
  const html = comparisonHtml(comparison(storeOf(evil, 0.02, { note: evil })));
  assert.deepEqual(figuresOf(html), ["pareto", "signal-to-noise"]);
  const markup = html.replace(/<(script|style)\b[^>]*>.*?<\/\1>/gs, "");
  assert.doesNotMatch(markup, /<b>/);
  assert.match(markup, /&lt;\/script&gt;&lt;b&gt;/);
});

test("a store that could not be measured is on the page with its reason", () => {
  const failed = [{ store: "b", reason: "NumericError: a loss that is <NaN>" }];
  const html = comparisonHtml({ ...comparison(storeOf("a", 0.02)), failed });
  assert.match(html, /<p>b could not be measured: NumericError: a loss that is &lt;NaN&gt;<\/p>/);
});

test("in a browser every figure is drawn, whichever stores have errors", {
  skip: missing("chromium"),
}, async () => {
  for (const stores of [
    [storeOf("a", 0.02), storeOf("b", 0.03), storeOf("plain", 0)],
    [storeOf("plain", 0)],
  ]) {
    await assertDrawn(comparisonHtml(comparison(...stores)));
  }
});
