/** Each quantiser's own law. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { decode, type EncodeOptions, encode } from "../../src/codec/index.js";
import { createRng } from "../../src/rng.js";
import { seed } from "../arbitrary/seed.js";

const n = 200_000;
const rng = createRng(seed).fork("quantizers");
/** Values between 0 and 6 that a bound of 2 leaves three bins for: as coarse as it gets. */
const coarse = Float32Array.from({ length: n }, () => 6 * rng.uniform() ** 3);

/** The errors in units of half a step. */
function errors(x: Float32Array, bound: number, quantizer: "dithered" | "signed"): Float64Array {
  const y = decode(encode(x, { bound, quantizer, seed: 11 }));
  const half = Math.fround(bound * (2 - 2 ** -8)) / 2;
  return Float64Array.from(x, (value, i) => (y[i]! - value) / half);
}

function correlation(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const mean = (v: ArrayLike<number>) =>
    (Array.prototype.reduce.call(v, (s, e) => (s as number) + e, 0) as number) / v.length;
  const [ma, mb] = [mean(a), mean(b)];
  let [ab, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    ab += (a[i]! - ma) * (b[i]! - mb);
    aa += (a[i]! - ma) ** 2;
    bb += (b[i]! - mb) ** 2;
  }
  return ab / Math.sqrt(aa * bb);
}

// Each statement below is false for a right quantiser with probability under 1e-6 (five standard deviations).
for (const bound of [2, 0.3, 0.01]) {
  test(`dithered error is uniform and knows nothing of the signal, bound ${bound}`, () => {
    const e = errors(coarse, bound, "dithered");
    // `signed` tells more of a value, and errs alike.
    const turned = coarse.map((value, i) => (i % 2 ? -value : value));
    assert.deepEqual(errors(turned, bound, "signed"), errors(turned, bound, "dithered"));
    const mean = e.reduce((sum, value) => sum + value, 0) / n;
    const variance = e.reduce((sum, value) => sum + value * value, 0) / n;
    assert.ok(Math.abs(mean) < 5 * Math.sqrt(1 / 3 / n), `mean ${mean}`);
    assert.ok(Math.abs(variance - 1 / 3) < 5 * Math.sqrt(4 / 45 / n), `variance ${variance}`);
    for (const power of [1, 2]) {
      const rho = correlation(
        e,
        coarse.map((value) => value ** power),
      );
      assert.ok(Math.abs(rho) < 5 / Math.sqrt(n), `correlation with x^${power}: ${rho}`);
      const rho2 = correlation(
        e.map((value) => value * value),
        coarse.map((value) => value ** power),
      );
      assert.ok(Math.abs(rho2) < 5 / Math.sqrt(n), `correlation of squares with x^${power}: ${rho2}`);
    }
    const sorted = e.slice().sort();
    const gap = sorted.reduce(
      (most, value, i) => Math.max(most, Math.abs((value + 1) / 2 - (i + 0.5) / n)),
      0,
    );
    assert.ok(gap < 2.7 / Math.sqrt(n), `Kolmogorov's distance ${gap}`);
  });
}

test("the same statements reject rounding without dither", () => {
  const y = decode(encode(coarse, { bound: 2, quantizer: "paper" }));
  const e = Float64Array.from(coarse, (value, i) => y[i]! - value);
  assert.ok(Math.abs(correlation(e, coarse)) > 5 / Math.sqrt(n));
});

test("dithered zeros stay zeros", () => {
  const x = coarse.map((value, i) => (i % 3 ? value : 0));
  const y = decode(encode(x, { bound: 0.5, quantizer: "dithered", seed: 3 }));
  assert.ok(x.every((value, i) => value !== 0 || y[i] === 0));
});

/** The largest |x − x̂| in bounds that decoding with `reZero` makes of some random tensor. */
function worstReZeroed(x: Float32Array, options: Omit<EncodeOptions, "bound">): number {
  const frame = encode(x, { ...options, bound: 1 });
  const y = decode(frame, { reZero: true });
  assert.ok(y.every((value) => value === 0 || Math.abs(value) > 1));
  return x.reduce((worst, value, i) => Math.max(worst, Math.abs(value - y[i]!)), 0);
}

test("re-zeroing keeps errors under twice the bound, and reaches that; nothing does it unasked", () => {
  let worst = 0;
  const slopes = fc.tuple(fc.double({ min: 0.01, max: 3, noNaN: true }), fc.integer({ min: 0, max: 1000 }));
  fc.assert(
    fc.property(slopes, fc.constantFrom("support", "paper", "dithered"), ([slope, phase], quantizer) => {
      const x = Float32Array.from({ length: 2048 }, (_, i) => 4 * Math.sin((slope * (i + phase)) / 7));
      for (const mode of ["fast", "dense"] as const) {
        const reached = worstReZeroed(x, { quantizer, mode, seed: phase, shape: [2, 32, 32] });
        assert.ok(reached < 2, `${quantizer}: ${reached} bounds`);
        worst = Math.max(worst, reached);
      }
      const kept = decode(encode(x, { bound: 1, quantizer, seed: phase }));
      assert.ok(kept.every((value, i) => Math.abs(value - x[i]!) < 1));
    }),
    { seed, numRuns: 60 },
  );
  assert.ok(worst > 1.95, `it reached ${worst} bounds`);
});
