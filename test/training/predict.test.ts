/** Prediction: the same answers as the evaluation counts, and a session that stays as it was. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Dataset } from "../../src/data/dataset.js";
import { openDataset } from "../../src/data/open.js";
import { assertNothingLeaks } from "../../src/engine/tape.js";
import { ShapeError } from "../../src/error.js";
import { evaluate } from "../../src/training/evaluation.js";
import { type Outcome, train } from "../../src/training/loop.js";
import { predict } from "../../src/training/predict.js";
import { createSession } from "../../src/training/session.js";

let dataset: Dataset;
before(async () => {
  const { train, test, ...rest } = await openDataset("fashion-mnist");
  const some = { ...test, length: 50 };
  dataset = { ...rest, test: some, train: { ...train, length: 200 } };
});
after(() => dataset.close());

/** All test images, and their labels. */
async function testImages() {
  const { channels, height, width, test } = dataset;
  const images = new Float32Array(test.length * channels * height * width);
  const labels = new Float32Array(test.length);
  await test.batch(Uint32Array.from(labels.keys()), images, labels, null);
  return { images, labels };
}

const settings = { model: "resnet8", batch: 32, threads: 1, store: "plain" } as const;

test("predict counts as many right as evaluate, batch by batch", async () => {
  const session = createSession(settings, dataset);
  await train(session);
  const { images, labels } = await testImages();
  const answers = predict(session, images);
  assert.equal(answers.length, labels.length);
  const right = answers.filter(({ label }, i) => label === labels[i]).length;
  assert.equal(right / labels.length, (await evaluate(session, dataset.test)).accuracy);
  for (const { label, probabilities } of answers) {
    assert.equal(probabilities.length, 10);
    assert.ok(Math.abs(probabilities.reduce((sum, p) => sum + p, 0) - 1) < 1e-5);
    assert.equal(probabilities[label], Math.max(...probabilities));
  }
  assert.equal(predict(session, Array.from(images.subarray(0, 784)))[0]!.label, answers[0]!.label);
  assertNothingLeaks(session.engine);
  await session.close();
});

test("a prediction, or an evaluation that throws, leaves the training as it was", async () => {
  const { images } = await testImages();
  const outcomes: Outcome[] = [];
  for (const disturb of [false, true]) {
    const session = createSession({ ...settings, epochs: 2 }, dataset);
    const onEpoch = async () => {
      if (!disturb) return;
      predict(session, images);
      await evaluate(session, dataset.test);
      const broken = { length: 1, batch: () => Promise.reject(new Error("gone")) };
      await assert.rejects(evaluate(session, broken), /gone/);
      assertNothingLeaks(session.engine);
      assert.ok(session.engine.recording && session.model.training);
    };
    outcomes.push(await train(session, { onEpoch }));
    await session.close();
  }
  assert.deepEqual(outcomes[0], outcomes[1]);
});

test("images that are no whole ones are refused", () => {
  const session = createSession(settings, dataset);
  assert.throws(() => predict(session, new Float32Array(785)), ShapeError);
  assert.deepEqual(predict(session, []), []);
});

test("training waits for onEpoch, and ends where that gives false in the end", async () => {
  const session = createSession({ ...settings, epochs: 3 }, dataset);
  let waited = 0;
  const onEpoch = async () => {
    await new Promise((resolve) => setTimeout(resolve, 5));
    return ++waited < 2;
  };
  const { steps } = await train(session, { onEpoch });
  assert.deepEqual([waited, steps], [2, 14]);
  await session.close();
});
