/**
 * The gradient's error on a real training step, drawn a thousand times: its mean is 0, and it is normal where many
 * terms meet. Batches of two images, so that a linear layer sums two terms and a convolution hundreds.
 *
 * Each weight is a sample of independent draws (the dithers of draw k and l are independent). For 64 weights of each
 * of LeNet's five layers z = √n·mean/σ is normal: one above 5 is a false alarm of 2 in 10,000. The distribution is
 * compared by √n·D of Kolmogorov with mean and σ estimated (Lilliefors): above 1.25 for normal data once in 1,000.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { CometStore } from "../../src/comet/store.js";
import type { Dataset } from "../../src/data/dataset.js";
import { openDataset } from "../../src/data/open.js";
import { PlainStore } from "../../src/engine/store.js";
import { Tensor } from "../../src/engine/tensor.js";
import { crossEntropy } from "../../src/ops/loss.js";
import { createRng } from "../../src/rng.js";
import { weightGradients } from "../../src/stores/probe.js";
import { train } from "../../src/training/loop.js";
import { createSession } from "../../src/training/session.js";
import { defaults } from "../../src/training/settings.js";
import { seed } from "../arbitrary/seed.js";
import { lilliefors, moments } from "../laws/normal.js";

const draws = 1000;
const images = 2;

let dataset: Dataset;
/** By weight: the errors of evenly chosen weights whose gradient has any, each over all draws. */
const errors = new Map<string, Float64Array[]>();

before(async () => {
  dataset = await openDataset("fashion-mnist");
  const settings = { ...defaults, model: "lenet", batch: 32, steps: 25, lr: 0.05, threads: 1, seed } as const;
  const session = createSession(settings, dataset);
  await train(session);
  const { engine, model } = session;
  const comet = engine.store as CometStore;
  const shape = [images, dataset.channels, dataset.height, dataset.width];
  const x = new Float32Array(shape.reduce((a, b) => a * b));
  const labels = new Float32Array(images);
  await dataset.train.batch(
    Uint32Array.from({ length: images }, (_, i) => i),
    x,
    labels,
    null,
  );
  const step = () =>
    weightGradients(model, () =>
      crossEntropy(model.forward(Tensor.from(engine, x, shape)), Tensor.from(engine, labels, [images])),
    );
  model.train(true);
  engine.recording = true;
  engine.store = new PlainStore();
  const exact = step();
  engine.store = comet;
  const noisy = Array.from({ length: draws }, (_, draw) => {
    comet.draw = draw + 1;
    return step();
  });
  for (const [parameter, truth] of exact) {
    if (!parameter.name.endsWith("weight")) continue;
    const samples = evenly(truth.length, 1024)
      .map((i) => Float64Array.from(noisy, (found) => found.get(parameter)![i]! - truth[i]!))
      .filter((sample) => sample.some((e) => e !== 0));
    errors.set(parameter.name, samples.slice(0, 64));
  }
});
after(() => dataset.close());

const evenly = (n: number, most: number): number[] =>
  Array.from({ length: Math.min(n, most) }, (_, i) => Math.floor((i * n) / Math.min(n, most)));

test("the gradient's error has mean 0 on a real step, weight by weight", () => {
  for (const [name, samples] of errors) {
    assert.equal(samples.length, 64);
    for (const sample of samples) {
      const { mean, sigma } = moments(sample);
      const z = (Math.sqrt(draws) * mean) / sigma;
      assert.ok(Math.abs(z) < 5, `${name}: z = ${z}`);
    }
  }
});

test("it is normal in convolutions, and not in a linear layer of two images", () => {
  const middle = (name: string): number =>
    errors
      .get(name)!
      .map(lilliefors)
      .sort((a, b) => a - b)[32]!;
  // The median of normal samples is 0.6 or so.
  for (const name of ["conv1.weight", "conv2.weight"])
    assert.ok(middle(name) < 0.9, `${name}: ${middle(name)}`);
  for (const name of ["fc1.weight", "fc2.weight", "fc3.weight"]) {
    assert.ok(middle(name) > 1.25, `${name}: ${middle(name)}`);
  }
});

test("both statistics notice: a mean of a fifth of σ, and a uniform sample", () => {
  const sample = errors.get("conv1.weight")![0]!;
  const { sigma } = moments(sample);
  const { mean } = moments(sample.map((e) => e + sigma / 5));
  assert.ok((Math.sqrt(draws) * mean) / sigma > 5);
  const rng = createRng(seed);
  assert.ok(lilliefors(Float64Array.from({ length: draws }, () => rng.uniform())) > 1.25);
});
