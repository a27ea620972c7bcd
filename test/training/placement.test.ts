/** Where blocks lie decides nothing: neither the numbers, nor, but for a stated slack, what fits. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryError } from "../../src/error.js";
import { type StoreName, storeNames } from "../../src/stores/registry.js";
import { recorded, replay, run } from "../laws/placement.js";

for (const [store, momentumType] of [
  ...storeNames.map((store) => [store, "float32"] as const),
  ["comet", "bfloat16"] as const,
]) {
  test(`blocks that move whenever they may give the same weights: ${store}, ${momentumType} momentum`, async () => {
    const settings = { model: "resnet8", store, memory: "4MiB", momentumType } as const;
    const { weights } = await run(settings, 12);
    const moved = await run(settings, 12, ({ engine }) => {
      engine.device.restless = true;
    });
    assert.ok(moved.session.engine.device.compactions.bytes > 0);
    assert.equal(moved.weights, weights);
  });
}

/** The least and the largest batch of a range around the budget's limit that train, and whether all below the largest do. */
async function fitting(
  model: string,
  size: number,
  store: StoreName,
  memory: string,
  from: number,
  to: number,
) {
  const fits: number[] = [];
  for (let batch = from; batch <= to; batch++) {
    try {
      await run({ model, store, memory, batch, steps: 3 }, size);
      fits.push(batch);
    } catch (error) {
      if (!(error instanceof MemoryError)) throw error;
    }
  }
  return fits;
}

for (const [model, size, store, memory, from, to] of [
  ["resnet8", 16, "comet", "6MiB", 66, 100],
  ["resnet8", 16, "plain", "4MiB", 8, 24],
  ["lenet", 28, "comet", "2MiB", 20, 60],
] as const) {
  test(`of the batches of ${model} in ${memory} under ${store}, all up to the largest that trains do train`, async () => {
    const fits = await fitting(model, size, store, memory, from, to);
    assert.ok(fits.length > 0 && fits.length < to - from + 1, `the limit is in the range: ${fits}`);
    assert.deepEqual(
      fits,
      fits.map((_, i) => from + i),
    );
  });
}

/** The slack of the law: the part of the live bytes by which the memory is larger. */
const slack = 1 / 24;
/** It is at least the codec's workspace, which is one block. */
const leastSlackBytes = 2 ** 19;

for (const [model, size, batch] of [
  ["lenet", 28, 32],
  ["resnet8", 24, 16],
  ["resnet20", 16, 16],
  ["resnet18", 32, 2],
  ["squeezenet1_0", 64, 2],
  ["efficientnet_b0", 32, 2],
] as const) {
  for (const store of ["plain", "comet"] as const) {
    test(`what ${model} allocates under ${store} fits where its live bytes fit with a slack of 1/24`, async () => {
      const { events, peak } = await recorded({ model, store, batch, steps: 2 }, size);
      replay(events, peak + Math.max(slack * peak, leastSlackBytes));
    });
  }
}
