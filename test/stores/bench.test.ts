/** The benchmarks of stores: a row for each store, and a store that fails does not end the others. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { trainedUnder } from "../../bench/losses.js";
import { storeTimes } from "../../bench/stores.js";
import { randomImages } from "../../src/data/random.js";
import { defaults } from "../../src/training/settings.js";

const settings = { ...defaults, model: "resnet8", batch: 4, steps: 4, epochs: 4, threads: 1 } as const;

test("a store that fails is a row with its reason, and the losses are those of whole runs", async () => {
  const images = randomImages(16, 16);
  const plain = await trainedUnder("plain", settings, images);
  const exact = await trainedUnder("recompute", settings, images);
  assert.deepEqual([plain.failure, plain.summary!.steps], ["", 4]);
  assert.deepEqual(exact.summary!.losses, plain.summary!.losses);
  const failed = await trainedUnder("blpa", { ...settings, model: "lenet" }, images);
  assert.equal(failed.summary, null);
  assert.match(failed.failure, /batch normalisation/);
});

test("every store has a time, and its bytes for each value", async () => {
  const rows = await storeTimes(["comet", "plain", "gist"], settings, randomImages(16, 16), 2);
  assert.deepEqual(
    rows.map(({ store }) => store),
    ["comet", "plain", "gist"],
  );
  const [comet, plain, gist] = rows;
  for (const { nanoseconds, share } of rows) {
    assert.ok(nanoseconds >= 0 && nanoseconds < Number.POSITIVE_INFINITY && share >= 0 && share <= 1);
  }
  assert.ok(comet!.bytes < gist!.bytes && gist!.bytes < plain!.bytes);
});
