/** The page of an experiment: claim beside measurement, where each is from, and nothing that a text could break. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { machineOfThis, noticesOf, type Result, type ResultRun } from "../../src/experiments/result.js";
import { experimentHtml } from "../../src/report/experiment.js";
import { indexHtml } from "../../src/report/experiment-index.js";

const run = (changes: Partial<ResultRun> = {}): ResultRun => ({
  ...{ label: "COMET", seed: 1, key: "00", path: "runs/x", status: "done", steps: 40, testAccuracy: 0.5 },
  ...{ weights: "f".repeat(64), codes: ["c0de"], commits: ["abc"], error: null },
  ...{ processors: ["A processor"], threads: 1 },
  ...changes,
});

const result: Result = {
  ...{ version: 1, name: "mine", question: "Is <b> & so on?", scale: "laptop", difference: "It is small." },
  claim: { text: "A claim.", source: "recalled" },
  data: { source: "x", name: "noise", hash: "00ff" },
  machine: machineOfThis(),
  code: { code: "c0de", commit: "abc" },
  ...{ written: "2026", command: "comet reproduce mine", seeds: [1], settings: { batch: 8 } },
  runs: [run()],
  measurements: [
    {
      ...{ label: "Some bytes", command: ["memory", "--json"], machine: machineOfThis() },
      ...{ code: "c0de", commit: "abc", written: "2026" },
    },
  ],
  notices: ["A caveat."],
  tables: [{ title: "T", head: ["", "value"], rows: [["<i>", "1"]] }],
  words: ["It was measured."],
  figures: [
    {
      kind: "layers",
      name: "dots",
      title: "Dots",
      caption: "Some.",
      x: "σ",
      dots: [{ layer: "a", series: "s", value: 1 }],
    },
  ],
};

test("claim, its source, the measurement and the reasons stand on the page, with machine, commit and seeds", () => {
  const page = experimentHtml(result);
  for (const part of [
    "A claim.",
    "as recalled",
    "It was measured.",
    "It is small.",
    "A caveat.",
    "comet reproduce mine",
    "c0de, abc",
    "A processor",
    "comet memory --json",
  ]) {
    assert.ok(page.includes(part), part);
  }
  assert.match(page, /Is &lt;b&gt; &amp; so on\?/);
  assert.match(page, /&lt;i&gt;/);
  assert.doesNotMatch(page, /<i>|<b>/);
  assert.match(page, /<circle /);
  assert.doesNotMatch(page, /https?:\/\/(?!www\.w3\.org)/, "it loads nothing");
});

test("the index has every question, and says of smoke that it is no evidence", () => {
  const page = indexHtml([result, { ...result, name: "other", scale: "smoke" }]);
  assert.match(page, /href="mine\.html"[\s\S]*href="other\.html"/);
  assert.match(page, /no evidence/);
  assert.doesNotMatch(indexHtml([result]), /no evidence/);
});

test("what is missing, failed or of other code is said in sentences", () => {
  const code = { code: "c0de", commit: "abc" };
  assert.deepEqual(noticesOf([run()], code), []);
  const found = noticesOf(
    [
      run({ status: "missing", label: "a", codes: [] }),
      run({ status: "failed", label: "b", error: "step 3: a loss of NaN" }),
      run({ label: "c", codes: ["c0de", "0ther"], commits: ["abc", "def"] }),
    ],
    code,
  );
  assert.match(found[0]!, /have not ended and are left out: a, seed 1/);
  assert.match(found[1]!, /b, seed 1, failed and is left out: step 3: a loss of NaN/);
  assert.match(found[2]!, /Other code .*\(abc, def\): c, seed 1/);
});
