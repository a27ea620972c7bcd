/** SGD by PyTorch's formulas in binary64, and the schedules by what they should be. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createEngine } from "../../src/engine/engine.js";
import type { Parameter } from "../../src/engine/parameter.js";
import { Tensor } from "../../src/engine/tensor.js";
import { UsageError } from "../../src/error.js";
import { constant, cosine, Sgd, type SgdOptions, stepwise, warmUp } from "../../src/training/optim.js";

const engine = createEngine({ memory: "2MiB", threads: 1 });

function afterSteps(options: SgdOptions, gradients: readonly number[]): number {
  const value = Tensor.empty(engine, [1], "w", "parameters");
  value.data[0] = 1;
  const parameter: Parameter = { name: "w", value, gradient: null };
  const sgd = new Sgd(engine, [parameter], options);
  for (const gradient of gradients) {
    parameter.gradient = Tensor.from(engine, [gradient], [1]);
    sgd.step();
    assert.equal(parameter.gradient, null, "the step frees the gradient");
  }
  return value.data[0]!;
}

function expected(
  { lr, momentum = 0.9, weightDecay = 0, nesterov = false }: SgdOptions,
  gradients: readonly number[],
) {
  let [w, m] = [1, 0];
  for (const raw of gradients) {
    const g = raw + weightDecay * w;
    m = momentum * m + g;
    w -= lr * (nesterov ? g + momentum * m : momentum > 0 ? m : g);
  }
  return w;
}

const gradients = [0.5, -0.25, 1, 0.125];
for (const options of [
  { lr: 0.1, momentum: 0 },
  { lr: 0.1 },
  { lr: 0.1, weightDecay: 0.01 },
  { lr: 0.05, momentum: 0.8, nesterov: true, weightDecay: 0.1 },
]) {
  test(`SGD follows PyTorch's formulas: ${JSON.stringify(options)}`, () => {
    assert.ok(Math.abs(afterSteps(options, gradients) - expected(options, gradients)) < 1e-6);
  });
}

test("settings that are no numbers are refused", () => {
  for (const wrong of [{ lr: Number.NaN }, { lr: -1 }, { lr: 1, momentum: Number.POSITIVE_INFINITY }]) {
    assert.throws(() => new Sgd(engine, [], wrong), UsageError);
  }
});

test("schedules", () => {
  assert.equal(constant(7, 10), 1);
  assert.deepEqual(
    [0, 49, 50, 75, 99].map((step) => stepwise()(step, 100)),
    [1, 1, 0.1, 0.010000000000000002, 0.010000000000000002],
  );
  // 0.3 ** 3 is 0.026999999999999996 on V8 and 0.027 elsewhere; the product is one number.
  assert.equal(stepwise([0.1, 0.2, 0.3], 0.3)(50, 100), 0.3 * 0.3 * 0.3);
  for (const step of [0, 1, 30, 50, 77, 100, 120]) {
    const t = Math.min(step / 100, 1);
    assert.ok(Math.abs(cosine(step, 100) - (1 + Math.cos(Math.PI * t)) / 2) < 1e-12);
  }
  assert.deepEqual(
    [0, 1, 2, 3].map((step) => warmUp(3, constant)(step, 10)),
    [0.25, 0.5, 0.75, 1],
  );
  assert.equal(warmUp(4, cosine)(4, 104), 1);
});
