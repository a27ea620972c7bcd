/** The committed results: whole, of experiments that exist, and with the figures that README and results.md tell. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { type Result, resultVersion } from "../../src/experiments/result.js";
import { readRun } from "../../src/runs/run.js";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const folder = join(root, "docs", "results");
const files = readdirSync(folder);
const results = files
  .filter((name) => name.endsWith(".json"))
  .map((name) => JSON.parse(readFileSync(join(folder, name), "utf8")) as Result);

test("a committed result is one of an experiment, with its page, its figures and where it is from", () => {
  const experiments = readdirSync(join(root, "bench", "experiments"));
  assert.ok(results.length > 0);
  for (const { name, version, scale, command, figures, runs } of results) {
    assert.equal(version, resultVersion, name);
    assert.equal(scale, "laptop", name);
    assert.ok(experiments.includes(`${name}.json`), name);
    assert.ok(command.startsWith("comet reproduce "), name);
    assert.doesNotMatch(command, /\s\//, `${name}: a command without absolute paths`);
    for (const { path } of runs) assert.ok(path === null || !path.startsWith("/"), `${name}: ${path}`);
    assert.ok(files.includes(`${name}.html`), name);
    const drawn = readdirSync(join(folder, name));
    for (const figure of figures) {
      for (const end of ["-light.svg", "-dark.svg", ".csv"])
        assert.ok(drawn.includes(`${figure.name}${end}`), `${name}/${figure.name}${end}`);
    }
  }
});

test("a run that a committed result names in this repository is there, with all its records and the same weights", () => {
  const named = results
    .flatMap(({ runs }) => runs)
    .filter(({ path }) => path?.startsWith("docs/results/runs/"));
  assert.ok(named.length > 0);
  for (const { path, weights, testAccuracy } of named) {
    const { manifest } = readRun(join(root, path!));
    assert.deepEqual([manifest.weights, manifest.testAccuracy], [weights, testAccuracy], path!);
  }
});

const documents = ["README.md", "docs/results.md"].map((name) => readFileSync(join(root, name), "utf8"));

test("README and results.md tell the difference, the ratios and the peaks of the whole trainings", () => {
  const { tables, words } = results.find(({ name }) => name === "accuracy")!;
  const { rows } = tables.find(({ head }) => head.includes("test accuracy"))!;
  const [, , accuracy, difference, error, ratio, lowest, saved, device] = rows[1]!;
  const [low, high] = words[0]!.match(/from (\S+) to (\S+),/)!.slice(1);
  for (const text of documents) {
    for (const figure of [rows[0]![2], accuracy, difference, error, ratio, lowest, low, high])
      assert.ok(text.includes(figure!), figure);
    for (const bytes of [rows[0]![7], rows[0]![8], saved, device])
      assert.ok(text.includes(bytes!.replace(" MiB", "")), bytes);
  }
});

test("docs/results.md tells the accuracies and ratios of the committed results", () => {
  const [, text] = documents as [string, string];
  for (const { name, tables } of results) {
    const table = tables.find(({ head }) => head.includes("test accuracy"));
    if (!table) continue;
    const columns = ["test accuracy", "conv-input ratio, whole run", "its lowest epoch"].map((title) =>
      table.head.indexOf(title),
    );
    for (const row of table.rows) {
      for (const column of columns) {
        const cell = row[column]!;
        assert.ok(cell === "–" || text.includes(cell), `${name}: ${row[0]}: ${cell}`);
      }
    }
  }
});
