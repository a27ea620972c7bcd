/** Reverse water-filling: its laws, that they can fail, and the closed form where the codec's curves are ideal. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  bytesAt,
  bytesOf,
  curveThrough,
  forBytes,
  forNoise,
  leastBytes,
  noiseOf,
  type Weighed,
} from "../../src/comet/budget/allocation.js";
import { costs } from "../../src/comet/budget/cost.js";
import type { SiteState } from "../../src/comet/policy.js";
import type { Observation } from "../../src/engine/noise.js";
import type { Parameter } from "../../src/engine/parameter.js";
import { seed } from "../arbitrary/seed.js";
import { type Allocate, complaint, type Kind, level, scaled, tensors } from "../laws/allocation.js";

const steps = fc.array(fc.double({ min: -2, max: 2, noNaN: true }), { minLength: 12, maxLength: 12 });

/** A limit between what the tightest and the loosest bounds take. */
function limit(kind: Kind, weighed: readonly Weighed[], level: number): number {
  const of = kind === "noise" ? noiseOf : bytesOf;
  const ends = [
    of(
      weighed,
      weighed.map(({ curve }) => curve[0]!.bound),
    ),
    of(
      weighed,
      weighed.map(({ curve }) => curve.at(-1)!.bound),
    ),
  ] as const;
  return ends[0] ** (1 - level) * ends[1] ** level;
}

const optimal = (kind: Kind, allocate: Allocate) =>
  fc.check(
    fc.property(tensors, level, steps, (weighed, level, steps) => {
      const most = limit(kind, weighed, level) * (1 + 1e-9);
      assert.equal(complaint(kind, weighed, allocate(weighed, most), most, steps), null);
    }),
    { seed, numRuns: 2000 },
  );

test("no other bounds within the limit are better, be it of noise or of bytes", () => {
  for (const [kind, allocate] of [
    ["noise", forNoise],
    ["bytes", forBytes],
  ] as const) {
    const { failed, errorInstance, counterexample } = optimal(kind, allocate);
    assert.ok(!failed, `${kind}: ${errorInstance} ${JSON.stringify(counterexample)}`);
  }
});

test("that law can fail: equal noise for all, the shares upside down, bytes left over", () => {
  const shaped =
    (shape: (tensor: Weighed) => number): Allocate =>
    (weighed, most) =>
      scaled("noise", weighed, weighed.map(shape), most);
  const wrong: readonly Allocate[] = [
    shaped(({ noise }) => Math.sqrt(1 / noise)),
    shaped(({ noise, curve }) => Math.sqrt(noise / curve[0]!.saving)),
    (weighed, most) => forNoise(weighed, most / 2),
  ];
  for (const allocate of wrong) assert.ok(optimal("noise", allocate).failed);
});

/** n values at `bits` for a bound of 1, and one bit less for each doubling. */
const ideal = (n: number, noise: number, bits = 60): Weighed => ({
  noise,
  curve: curveThrough([
    { bound: 2 ** -40, bytes: (n * (bits + 40)) / 8 },
    { bound: 2 ** 40, bytes: (n * (bits - 40)) / 8 },
  ]),
});

test("where twice the bound saves a bit a value, noise is in proportion to values: the theorem's bounds", () => {
  const layers = fc.array(
    fc.tuple(fc.integer({ min: 1, max: 1e6 }), fc.double({ min: 1e-3, max: 1e3, noNaN: true })),
    {
      minLength: 1,
      maxLength: 9,
    },
  );
  fc.assert(
    fc.property(layers, fc.double({ min: 1e-4, max: 1e4, noNaN: true }), (layers, B) => {
      const weighed = layers.map(([n, c]) => ideal(n, c));
      const values = layers.reduce((sum, [n]) => sum + n, 0);
      // The theorem's noise is Σ c·eb², ours the variance: a third of it.
      const best = layers.map(([n, c]) => Math.sqrt((B * n) / (c * values)));
      for (const bounds of [forNoise(weighed, B / 3), forBytes(weighed, bytesOf(weighed, best))]) {
        for (const [i, bound] of bounds.entries()) assert.ok(Math.abs(bound / best[i]! - 1) < 1e-6);
      }
    }),
    { seed },
  );
});

test("more bytes, less noise; more noise, fewer bytes", () => {
  fc.assert(
    fc.property(tensors, level, level, (weighed, a, b) => {
      const [less, more] = [Math.min(a, b), Math.max(a, b)];
      const noise = (level: number) =>
        noiseOf(weighed, forBytes(weighed, limit("bytes", weighed, 1 - level)));
      const bytes = (level: number) => bytesOf(weighed, forNoise(weighed, limit("noise", weighed, level)));
      assert.ok(noise(more) <= noise(less) * (1 + 1e-9));
      assert.ok(bytes(more) <= bytes(less) * (1 + 1e-9));
    }),
    { seed },
  );
});

test("all pay one price: c·eb² ÷ what twice the bound saves is the same where a curve is straight", () => {
  fc.assert(
    fc.property(tensors, level, (weighed, level) => {
      const bounds = forBytes(weighed, limit("bytes", weighed, level));
      const prices = weighed.flatMap(({ noise, curve }, i) => {
        const bound = bounds[i]!;
        if (curve.some((corner) => Math.abs(corner.bound / bound - 1) < 1e-9)) return [];
        return [(noise * bound ** 2) / curve.findLast((corner) => corner.bound < bound)!.saving];
      });
      for (const price of prices) assert.ok(Math.abs(price / prices[0]! - 1) < 1e-9);
    }),
    { seed },
  );
});

test("limits that cannot be met, or are none", () => {
  const pair = [ideal(100, 1), ideal(50, 2)];
  assert.deepEqual(forBytes(pair, leastBytes(pair) / 2), [2 ** 40, 2 ** 40]);
  assert.deepEqual(forBytes(pair, 1e9), [2 ** -40, 2 ** -40]);
  assert.deepEqual(forNoise(pair, 0), [2 ** -40, 2 ** -40]);
  assert.deepEqual(forNoise(pair, 1e99), [2 ** 40, 2 ** 40]);
  // Nothing hears its errors.
  assert.equal(forNoise([...pair, ideal(10, 0)], 1)[2], 2 ** 40);
});

test("a curve goes below what was measured, convex, as far as bytes fall", () => {
  const measured = [
    { bound: 4, bytes: 62 },
    { bound: 1, bytes: 100 },
    { bound: 2, bytes: 90 },
    { bound: 8, bytes: 40 },
    { bound: 16, bytes: 41 },
  ];
  assert.deepEqual(curveThrough(measured), [
    { bound: 1, bytes: 100, saving: 20 },
    { bound: 8, bytes: 40, saving: 0 },
  ]);
  const curve = curveThrough(measured);
  assert.equal(bytesAt(curve, 0.1), 100);
  assert.equal(bytesAt(curve, 4), 60);
  assert.equal(bytesAt(curve, 99), 40);
});

test("a site costs what it does to its own weights and, as far as it is heard, to those below", () => {
  const site = (name: string, known: Partial<SiteState> & { observation: Observation }): SiteState => ({
    site: { name, op: "conv2d", parameter: { name } as Parameter },
    arrivals: new Map(),
    acceptedSigma: 1,
    acceptedUpstream: 0,
    bounds: null,
    applied: 0,
    gatedVariance: 0,
    ...known,
  });
  const seen: Observation = {
    energy: Float32Array.of(2, 6),
    signal: 1,
    deltaGain: 10,
    arrived: 0,
    meanLoss: 1,
    nonZero: 1,
    batch: 1,
    upstream: null,
  };
  const above = { ...seen, upstream: { noise: 0.5, gated: 0.25, signal: 1 } };
  const found = costs([
    site("low", { observation: seen, acceptedSigma: 2, arrivals: new Map([["top", 0.2]]) }),
    site("middle", { observation: seen, acceptedSigma: 5, arrivals: new Map([["top", 0.5]]) }),
    site("top", { observation: above }),
  ]);
  assert.deepEqual(found.get("low"), { each: 1, gated: 0 });
  assert.deepEqual(found.get("middle"), { each: 4 / 25, gated: 0 });
  // Heard: 0.2·10/2² + 0.5·10/5² = 0.7.
  assert.deepEqual(found.get("top"), { each: 4 + 0.5 * 0.7, gated: 0.25 * 0.7 });
});
