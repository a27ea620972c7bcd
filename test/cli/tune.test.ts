/** Tuning a knob: the target is met wherever it can be, and what cannot be met is an error that names the store. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { curveValues } from "../../src/cli/compare/trial.js";
import { type Goal, loosest, tune } from "../../src/cli/compare/tune.js";
import { NumericError, UsageError } from "../../src/error.js";
import type { Knob } from "../../src/stores/kind.js";
import { seed } from "../arbitrary/seed.js";

const rising: Knob = { setting: "bound", direction: "rises", least: 1e-8, most: 1e3 };
const falling: Knob = { setting: "quality", direction: "falls", least: 1e-3, most: 1e8 };

/** Noise is a power of the knob, bytes fall with its logarithm. */
const store = (knob: Knob, power: number) => async (value: unknown) => {
  const x = "values" in knob || knob.direction === "rises" ? (value as number) : 1 / (value as number);
  return { value, noise: x ** power, savedBytes: 1e6 * (1 - Math.log10(x) / 20) };
};

const noiseOf = (target: number): Goal => ({ equal: "noise", target });

test("a knob that is any number meets every noise and all bytes in its range, whichever way it turns", async () => {
  const exponents = fc.double({ min: -7, max: 2, noNaN: true });
  const property = fc.asyncProperty(
    exponents,
    exponents,
    fc.constantFrom(rising, falling),
    fc.constantFrom(0.5, 1, 2),
    async (from, to, knob, power) => {
      const at = store(knob, power);
      const turned = (exponent: number) => 10 ** (knob === rising ? exponent : -exponent);
      const { noise, savedBytes } = await at(turned(to));
      const loud = await tune("s", knob, turned(from), noiseOf(noise), at);
      assert.ok(Math.abs(loud.trial.noise / noise - 1) <= 0.02, `${loud.trial.noise}, not ${noise}`);
      const small = await tune("s", knob, turned(from), { equal: "bytes", target: savedBytes }, at);
      assert.ok(Math.abs(small.trial.savedBytes / savedBytes - 1) <= 0.011);
    },
  );
  await fc.assert(property, { seed, numRuns: 100 });
});

test("of a few values the nearest from below is taken, and the note says so", async () => {
  const values = [1, 2, 4, 8, 16];
  const knob: Knob = { setting: "step", values };
  const check = async (target: number) => {
    const { trial, note } = await tune("s", knob, 1, noiseOf(target), store(knob, 1));
    assert.equal(trial.value, values.filter((value) => value <= target * 1.02).at(-1));
    assert.match(note, /nearest from below/);
  };
  for (let target = 1; target < 20; target += 0.5) await check(target);
  const goal: Goal = { equal: "bytes", target: 0.965e6 };
  const { trial } = await tune("s", knob, 1, goal, store(knob, 1));
  assert.equal(trial.value, 4, "the least noise in so many bytes, within their tolerance");
});

test("a figure that jumps over the target is met from below", async () => {
  const at = async (value: unknown) => ({ noise: (value as number) < 0.3 ? 0.1 : 10, savedBytes: 1 });
  const { trial, note } = await tune("s", rising, 1, noiseOf(1), at);
  assert.equal(trial.noise, 0.1);
  assert.match(note, /the figure jumps there/);
});

test("a target out of reach: the figures of the knob's limit, and a complaint that says what would do", async () => {
  const refused = async (knob: Knob | null, goal: Goal, at: Parameters<typeof tune>[4]) => {
    const { unreached, note, trial } = await tune("rival:bits=2", knob, 1, goal, at);
    assert.match(
      new UsageError(unreached!).message,
      /store rival:bits=2: expected .*, got .*; leave this store out, or give another --target/,
    );
    assert.match(note, /out of reach/);
    const limits = knob === null ? [0] : "values" in knob ? knob.values : [knob.least, knob.most];
    const ends = await Promise.all(limits.map(async (value) => (await at(value)).noise));
    assert.ok(ends.some((noise) => Math.abs(noise / trial.noise - 1) < 1e-9));
  };
  await refused(rising, noiseOf(1e9), store(rising, 1));
  await refused(rising, noiseOf(1e-12), store(rising, 1));
  await refused(falling, noiseOf(1e9), store(falling, 1));
  await refused({ setting: "step", values: [1, 2] }, noiseOf(0.5), store(rising, 1));
  await refused(rising, { equal: "bytes", target: 1 }, store(rising, 1));
  await refused(null, noiseOf(0.5), async () => ({ noise: 1, savedBytes: 1 }));
});

test("a store without a knob is a baseline if it is exact, and else must be below the target", async () => {
  const exact = await tune("plain", null, null, { equal: "bytes", target: 1 }, async () => ({
    noise: 0,
    savedBytes: 9,
  }));
  assert.match(exact.note, /exact/);
  const quiet = await tune("s", null, null, noiseOf(2), async () => ({ noise: 1, savedBytes: 9 }));
  assert.match(quiet.note, /as it is/);
});

test("where errors are so large that the loss is no number, the knob is too loose", async () => {
  const complaint = { where: "step 3", expected: "a finite loss", got: "NaN", remedy: "stop" };
  const at = async (value: unknown) => {
    if ((value as number) > 2) throw new NumericError(complaint);
    return store(rising, 1)(value);
  };
  const { trial } = await tune("s", rising, 100, noiseOf(1.5), at);
  assert.ok(Math.abs(trial.noise - 1.5) <= 0.03);
  const { note } = await tune("s", rising, 1, noiseOf(500), at);
  assert.match(note, /at most, and beyond that gradients that are no numbers/);
  const few: Knob = { setting: "step", values: [1, 2, 4, 8] };
  assert.equal((await tune("s", few, 8, noiseOf(9), at)).trial.noise, 2);
  assert.equal((await tune("s", few, 8, { equal: "bytes", target: 2e6 }, at)).trial.noise, 1);
  const none = async () => {
    throw new NumericError(complaint);
  };
  await assert.rejects(() => tune("s", few, 1, noiseOf(1), none), /got gradients that are no numbers/);
});

test("the loosest accepted position is found, and none where none is", async () => {
  for (const knob of [rising, falling]) {
    const limit = 0.05;
    const accepts = async (value: unknown) =>
      (knob === rising ? (value as number) : 1 / (value as number)) <= limit;
    const value = (await loosest(knob, knob === rising ? 0.01 : 100, accepts, 12)) as number;
    const found = knob === rising ? value : 1 / value;
    assert.ok(found <= limit && found > 0.9 * limit, `${found}`);
  }
  const few: Knob = { setting: "step", values: [1, 2, 4, 8] };
  assert.equal(await loosest(few, 1, async (value) => (value as number) < 5, 5), 4);
  assert.equal(await loosest(few, 1, async () => false, 5), null);
  assert.equal(await loosest(rising, 1, async () => false, 20), null);
});

test("a curve has its points around the knob's position, within its range, or among its values", () => {
  assert.deepEqual(curveValues(rising, 1, 5), [1 / 16, 1 / 4, 1, 4, 16]);
  assert.deepEqual(curveValues({ ...rising, most: 2 }, 1, 3), [1 / 4, 1]);
  assert.deepEqual(curveValues({ ...rising, least: 1, most: 4 }, 0, 3), [1, 2, 4]);
  assert.deepEqual(curveValues({ ...rising, least: 1, most: 4 }, 2, 3), [1, 2, 4]);
  assert.deepEqual(curveValues(rising, 1, 0), []);
  assert.deepEqual(curveValues(null, null, 5), []);
  const few: Knob = { setting: "level", values: ["a", "b", "c", "d"] };
  assert.deepEqual(curveValues(few, "b", 9), ["a", "b", "c", "d"]);
  assert.deepEqual(curveValues(few, "b", 2), ["b", "d"]);
});
