import assert from "node:assert/strict";
import { test } from "node:test";
import { openDataset } from "../../src/data/open.js";
import { createRng } from "../../src/rng.js";

test("the embedded Fashion-MNIST has 10,000 + 2,000 images, as many of each class", async () => {
  const data = await openDataset("fashion-mnist");
  assert.deepEqual([data.channels, data.height, data.width, data.classes.length], [1, 28, 28, 10]);
  assert.equal(data.hash, "dc0289273c8bbcf299620bc123dadb811b6f04ead83d54641d1196c9bef7c4da");
  for (const [split, each] of [
    [data.train, 1000],
    [data.test, 200],
  ] as const) {
    assert.equal(split.length, each * 10);
    const indices = Uint32Array.from({ length: split.length }, (_, i) => i);
    const images = new Float32Array(split.length * 784);
    const labels = new Float32Array(split.length);
    await split.batch(indices, images, labels, createRng(1));
    const count = new Array<number>(10).fill(0);
    for (const label of labels) {
      count[label]!++;
    }
    assert.deepEqual(count, new Array<number>(10).fill(each));
    const zeros = images.filter((v) => v === 0).length;
    assert.ok(zeros > images.length * 0.4, "background is exactly zero");
  }
});
