/** Experiments as files: those of the repository are right, and a wrong one is refused by the name of its place. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { parseBytes } from "../../src/device/ledger.js";
import { answerNames } from "../../src/experiments/answer-names.js";
import { answers } from "../../src/experiments/answers/registry.js";
import { choose, parseExperiment, readExperiments, scales } from "../../src/experiments/experiment.js";
import { planRun } from "../../src/experiments/planned-run.js";
import { smallExperiment } from "./small-experiment.js";

const own = fileURLToPath(new URL("../../../bench/experiments", import.meta.url));

test("every experiment of the repository can be planned at every scale", () => {
  const experiments = readExperiments(own);
  assert.ok(experiments.length > 0);
  for (const { name, settings, variants, scales: all } of experiments) {
    for (const scale of scales) {
      for (const variant of variants) {
        const run = planRun({
          label: `${name} ${variant.label}`,
          seed: 1,
          settings: { ...settings, ...all[scale].settings, ...variant.settings },
          data: { source: "x", image: 224, skipBad: false },
          dataset: { hash: "00", train: { length: 1000, batch() {} } },
        });
        assert.match(run.key, /^[0-9a-f]{16}$/);
        // A device has at most 4 GiB less a page of WebAssembly.
        assert.ok(
          parseBytes(run.settings.memory)! <= 2 ** 32 - 2 ** 16,
          `${name}, ${scale}: ${run.settings.memory}`,
        );
      }
    }
  }
});

test("an answer that a file may name exists", () => {
  assert.deepEqual(Object.keys(answers), [...answerNames]);
});

const refused = (change: object, expected: RegExp) =>
  assert.throws(
    () => parseExperiment(JSON.stringify({ ...smallExperiment, ...change }), join("mine", "small.json")),
    expected,
  );

test("a wrong experiment is refused by the name of its place", () => {
  parseExperiment(JSON.stringify(smallExperiment), "small.json");
  const { smoke } = smallExperiment.scales;
  refused({ name: "large" }, /small\.json: name: expected "small", as the file is called, got "large"/);
  refused({ probeEvry: 5 }, /small\.json: probeEvry: expected one of name, question/);
  refused(
    { scales: { ...smallExperiment.scales, smoke: { ...smoke, sedes: [1] } } },
    /scales\.smoke\.sedes: expected one of data, classes/,
  );
  refused({ settings: { lerning: 1 } }, /settings\.lerning: expected the name of a setting/);
  refused({ settings: { seed: 1 } }, /settings\.seed/);
  refused({ settings: { batch: 0 } }, /settings\.batch: expected a whole number of at least 1, got 0/);
  refused({ answer: "guess" }, /answer: expected one of accuracy/);
  refused({ claim: { text: "It is.", source: "heard" } }, /claim\.source: expected one of abstract/);
  refused(
    { scales: { ...smallExperiment.scales, smoke: { ...smoke, only: ["commet"] } } },
    /scales\.smoke\.only.*"commet"/,
  );
  refused(
    { scales: { ...smallExperiment.scales, smoke: { ...smoke, seeds: [0.5] } } },
    /scales\.smoke\.seeds\[0\]/,
  );
  refused(
    { scales: { ...smallExperiment.scales, smoke: { ...smoke, seeds: [] } } },
    /scales\.smoke\.seeds: expected a seed/,
  );
  refused({ variants: [] }, /scales\.smoke: expected variants or measurements/);
  assert.throws(() => parseExperiment("{", "small.json"), /small\.json: expected JSON/);
});

test("a mistyped name gets the nearest one", () => {
  assert.deepEqual(choose([smallExperiment], []), [smallExperiment]);
  assert.throws(
    () => choose([smallExperiment], ["smal"]),
    /expected the name of an experiment, got "smal".*small/,
  );
});
