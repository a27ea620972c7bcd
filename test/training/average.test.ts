/** The moving average of the weights, by its formula in binary64; and what tests see of it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createEngine } from "../../src/engine/engine.js";
import { createModel } from "../../src/models/models.js";
import { build } from "../../src/nn/index.js";
import { Average } from "../../src/training/average.js";
import { hashWeights } from "../../src/training/weights-hash.js";

test("a ← a + (1 − decay)·(w − a), begun at the first weights; exchanged twice, the weights are as they were", () => {
  const engine = createEngine({ memory: "8MiB", threads: 1 });
  const input = { channels: 3, height: 8, width: 8, classes: 10 };
  const model = createModel("resnet8", build(engine, 1), input);
  const average = new Average(engine, model, 0.9);
  const weight = [...model.allParameters()].at(-1)!;
  const expected = Float64Array.from(weight.value.data);
  for (let step = 1; step <= 5; step++) {
    weight.value.data.forEach((_, i, w) => {
      w[i]! += step + i;
      expected[i] = 0.9 * expected[i]! + 0.1 * w[i]!;
    });
    average.update();
  }
  const before = hashWeights(model);
  average.swap();
  weight.value.data.forEach((a, i) => {
    assert.ok(Math.abs(a - expected[i]!) < 1e-5 * Math.abs(expected[i]!), `${a}, expected ${expected[i]}`);
  });
  average.swap();
  assert.equal(hashWeights(model), before);
});
