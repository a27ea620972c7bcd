/** A sweep's file becomes runs in a fixed order; a wrong one is refused by its place. The cost of some known schedules. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { simulate } from "../../src/experiments/schedule.js";
import { parseSweep, runsOf, type Sweep } from "../../src/experiments/sweep.js";

const small: Sweep = { name: "small", data: "fashion-mnist", settings: { model: "lenet" } };
const parse = (changes: object) => parseSweep(JSON.stringify({ ...small, ...changes }), "small.json");

test("every combination of grid and list is a run, the last setting changes fastest", () => {
  const runs = runsOf(
    parse({ grid: { share: [0.01, 0.1], seed: [1, 2] }, runs: [{ store: "comet" }, { mode: "dense" }] }),
  );
  assert.deepEqual(runs.map(({ label }) => label).slice(0, 3), [
    "store=comet share=0.01 seed=1",
    "store=comet share=0.01 seed=2",
    "store=comet share=0.1 seed=1",
  ]);
  assert.equal(runs.length, 8);
  assert.deepEqual(runs[1], {
    label: "store=comet share=0.01 seed=2",
    seed: 2,
    settings: { model: "lenet", store: "comet", share: 0.01 },
  });
  assert.deepEqual(runsOf(small), [{ label: "small", seed: 1, settings: { model: "lenet" } }]);
});

test("a wrong sweep is refused by its place", () => {
  const refused = (changes: object, expected: RegExp) => assert.throws(() => parse(changes), expected);
  refused({ name: "a/b" }, /name: expected a name of letters/);
  refused({ grid: { share: [-1] } }, /grid\.share\[0\]: expected a finite number above 0, got -1/);
  refused({ grid: { sahre: [1] } }, /grid\.sahre\[0\]: expected the name of a setting/);
  refused({ grid: { share: [] } }, /grid\.share: expected a list of values/);
  refused({ grid: { seed: [0.5] } }, /grid\.seed\[0\]: expected a whole number of 32 bits/);
  refused({ runs: [] }, /runs: expected at least one run/);
  refused({ settings: { seed: 1 } }, /settings\.seed/);
  refused({ gird: {} }, /gird: expected one of name, data/);
});

test("runs that fill the tasks evenly take their share of the time", () => {
  const cost = simulate({
    runs: [10, 10, 10, 10],
    tasks: 2,
    startSeconds: 0,
    limitSeconds: Number.POSITIVE_INFINITY,
    warningSeconds: 0,
  });
  assert.deepEqual(cost, { wallSeconds: 20, taskSeconds: 40, starts: 4, efficiency: 1 });
});

test("no number of tasks makes the longest run shorter", () => {
  const { wallSeconds } = simulate({
    runs: [5, 100, 5],
    tasks: 1000,
    startSeconds: 3,
    limitSeconds: Number.POSITIVE_INFINITY,
    warningSeconds: 0,
  });
  assert.equal(wallSeconds, 103);
});

test("a limit cuts a run into turns, each with a start of its own", () => {
  const cost = simulate({ runs: [20], tasks: 5, startSeconds: 1, limitSeconds: 11, warningSeconds: 2 });
  assert.deepEqual(cost, { wallSeconds: 23, taskSeconds: 23, starts: 3, efficiency: 20 / 23 });
  assert.throws(
    () => simulate({ runs: [1], tasks: 1, startSeconds: 1, limitSeconds: 3, warningSeconds: 2 }),
    RangeError,
  );
});
