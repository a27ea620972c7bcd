/**
 * COMET's premises, held to numbers. The dithered error has the moments of a uniform one at every bound and knows
 * nothing of the signal; the two quantisers without dither fail the same test at coarse bounds, which shows that it can
 * fail. Thresholds are five standard errors of n independent uniform errors, so a sound dither fails one check in about
 * 1.7 million; seeds are fixed.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  bounds,
  type ErrorStatistics,
  errorStatistics,
  impliedConstant,
  lawRatio,
  normality,
  reluLike,
  rezeroWorst,
} from "../../bench/premises.js";
import { decode, encode } from "../../src/codec/index.js";
import { createRng } from "../../src/rng.js";
import { seed } from "../arbitrary/seed.js";

/** How many standard errors the worst moment is off what a uniform, uncorrelated error has. */
function deviation({ count, mean, variance, correlation }: ErrorStatistics): number {
  // Of e/eb uniform in (−1, 1): Var e = 1/3, Var(3e²) = 4/5.
  const errors = [mean / Math.sqrt(1 / 3), (variance - 1) / Math.sqrt(4 / 5), correlation];
  return Math.max(...errors.map(Math.abs)) * Math.sqrt(count);
}

const x = reluLike(100000, createRng(seed));
const statistics = (quantizer: "paper" | "support" | "dithered", bound: number) => {
  const y = decode(encode(x, { bound, quantizer, seed }));
  // Bins are 2^-9 narrower than twice the bound.
  return errorStatistics(x, y, bound * (1 - 2 ** -9));
};

test("the dithered error has a uniform error's mean and variance and no correlation with the signal", () => {
  for (const bound of bounds) assert.ok(deviation(statistics("dithered", bound)) < 5, `bound ${bound}`);
});

test("without dither the error at a coarse bound is neither uniform nor independent of the signal", () => {
  for (const quantizer of ["paper", "support"] as const) {
    assert.ok(deviation(statistics(quantizer, 0.4)) > 20, quantizer);
  }
});

test("rounding sets values above zero to zero; support sets none", () => {
  assert.ok(statistics("paper", 0.4).zeroed > 0.5);
  assert.equal(statistics("support", 0.4).zeroed, 0);
  assert.equal(statistics("support", 0.4).negated, 0);
});

test("under dither the law predicts the gradient's σ at every bound", () => {
  // 1152 weights, correlated where windows overlap: the ratio's own deviation is below 3 %.
  for (const bound of bounds) {
    const ratio = lawRatio("dithered", bound, seed);
    assert.ok(Math.abs(ratio - 1) < 0.1, `${ratio} at ${bound}`);
  }
});

test("a convolution's gradient error is close to normal; that of two images is not", () => {
  // Kolmogorov's test over 1152 weights: one false alarm in a thousand seeds, and this seed is fixed.
  assert.ok(normality("convolution", "dithered", 0.1, seed) < 1.95);
  assert.ok(normality("two images", "dithered", 0.1, seed) > 1.95);
});

test("the paper's constant grows with the image and is never below √(H·W/3)", () => {
  const [small, medium, large] = [7, 14, 28].map((size) => impliedConstant(size, createRng(seed)));
  assert.ok(
    small! > Math.sqrt(49 / 3) &&
      Math.abs(medium! / small! - 2) < 0.1 &&
      Math.abs(large! / medium! - 2) < 0.1,
  );
});

test("re-zeroing exceeds the bound, and twice the bound is its limit", () => {
  const worst = rezeroWorst(100000, createRng(seed));
  assert.ok(worst > 1.9 && worst < 2);
});
