/** Statistics of a few runs and of many errors. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  deviation,
  difference,
  mean,
  normalDistribution,
  normality,
  studentQuantile,
} from "../../src/experiments/statistics.js";
import { createRng } from "../../src/rng.js";
import { seed } from "../arbitrary/seed.js";

test("mean and standard deviation of a known example", () => {
  assert.equal(mean([1, 2, 6]), 3);
  assert.equal(deviation([1, 2, 6]), Math.sqrt(7));
  assert.equal(deviation([1]), null);
});

test("runs of equal seeds are paired, so what a seed does to both cancels", () => {
  const a = new Map([
    [1, 0.5],
    [2, 0.7],
    [3, 0.9],
  ]);
  const b = new Map([
    [1, 0.51],
    [2, 0.71],
    [3, 0.91],
  ]);
  const { mean, error, pairs } = difference(a, b);
  assert.ok(Math.abs(mean - 0.01) < 1e-12 && error! < 1e-12);
  assert.equal(pairs, 3);
});

test("seeds that one side lacks do not count, be it all but one", () => {
  const a = new Map([
    [1, 0.5],
    [2, 0.7],
  ]);
  const { mean, error, pairs } = difference(a, new Map([[1, 0.51]]));
  assert.ok(Math.abs(mean - 0.01) < 1e-12);
  assert.deepEqual([error, pairs], [null, 1]);
});

test("the interval of a mean is as wide as Student's t says", () => {
  const zero = new Map([1, 2, 3].map((seed) => [seed, 0]));
  const { interval, error } = difference(zero, new Map([1, 2, 3].map((seed) => [seed, seed])));
  assert.ok(Math.abs(interval![0] - (2 - 4.303 * error!)) < 1e-12);
  assert.ok(Math.abs(interval![1] - (2 + 4.303 * error!)) < 1e-12);
  // From tables.
  for (const [freedom, expected] of [
    [1, 12.706],
    [10, 2.228],
    [11, 2.201],
    [30, 2.042],
    [1000, 1.962],
  ] as const) {
    assert.ok(Math.abs(studentQuantile(freedom) - expected) < 3e-3, `${freedom}`);
  }
});

test("the standard error of a paired difference is the deviation of the differences ÷ √n", () => {
  const zero = new Map([1, 2, 3, 4].map((seed) => [seed, 0]));
  const { mean, error } = difference(
    zero,
    new Map([1, 2, 3, 4].map((seed) => [seed, seed % 2 === 0 ? 3 : -1])),
  );
  assert.equal(mean, 1);
  assert.ok(Math.abs(error! - Math.sqrt(16 / 3) / 2) < 1e-12);
});

test("without common seeds the error is that of a difference of means", () => {
  const { mean, error, pairs } = difference(
    new Map([
      [1, 0],
      [2, 2],
    ]),
    new Map([
      [3, 1],
      [4, 5],
    ]),
  );
  assert.equal(mean, 2);
  assert.equal(pairs, 0);
  assert.ok(Math.abs(error! - Math.sqrt(2 / 2 + 8 / 2)) < 1e-12);
  assert.equal(difference(new Map([[1, 0]]), new Map([[1, 1]])).error, null);
});

test("the normal distribution at known places", () => {
  for (const [z, p] of [
    [0, 0.5],
    [1, 0.8413447],
    [-1.96, 0.0249979],
    [3, 0.9986501],
  ] as const) {
    assert.ok(Math.abs(normalDistribution(z) - p) < 2e-7, `${z}`);
  }
});

/** Twelve uniform numbers less six: nearly normal, with variance 1. */
function sample(n: number): number[] {
  const rng = createRng(seed);
  return Array.from({ length: n }, () =>
    Array.from({ length: 12 }, () => rng.integer(0, 2 ** 30) / 2 ** 30).reduce((a, b) => a + b, -6),
  );
}

test("normal errors of the predicted σ are taken for such, others are not", () => {
  const errors = sample(2000);
  const found = normality(errors);
  assert.ok(found.scaled < 1.63, `seed ${seed}: ${found.scaled}`);
  assert.ok(Math.abs(found.deviation - 1) < 0.08 && Math.abs(found.excessKurtosis) < 0.4);
  assert.ok(Math.abs(normality(errors.map((z) => z + 5)).mean - 5) < 0.1, "a bias is told");
  assert.ok(normality(errors.map((z) => 1.3 * z)).scaled > 1.63, "a wrong σ");
  assert.ok(normality(errors.map((z) => z + 0.2)).scaled > 1.63, "a bias");
  assert.ok(normality(errors.map((z) => Math.sign(z))).scaled > 1.63, "two values");
});
