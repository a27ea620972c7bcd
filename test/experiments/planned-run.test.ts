/** The key of a run: equal for runs with equal results, and no others. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { distinctRuns, keyOf, keyOfManifest, measuresEnough } from "../../src/experiments/planned-run.js";
import { manifestOf, planned } from "./small-experiment.js";

test("what changes no result is not in the key", () => {
  const { key } = planned();
  assert.equal(planned({ memory: "2GiB" }).key, key);
  assert.equal(planned({ share: 0.5 }).key, key, "the plain store reads no share");
  const { settings, hash } = planned();
  assert.equal(keyOf({ ...settings, threads: 7, stopAfter: 3 }, hash, 224), key);
});

test("whatever changes a result changes the key", () => {
  const { key, settings, hash } = planned();
  const others = [
    planned({}, 2).key,
    planned({ batch: 32 }).key,
    planned({ store: "comet" }).key,
    planned({ store: "comet", share: 0.5 }).key,
    planned({ profile: "fused" }).key,
    keyOf(settings, "00fe", 224),
    keyOf(settings, hash, 112),
  ];
  assert.equal(new Set([key, ...others]).size, others.length + 1);
});

test("a run on disk has the key of its plan", () => {
  const plan = planned({ store: "comet", share: 0.02 });
  assert.equal(keyOfManifest(manifestOf(plan)), plan.key);
});

test("a run serves a plan if it measured as much", () => {
  const plan = planned({}, 1, { probeEvery: 5 });
  const measured = (probeEvery: number) => manifestOf(plan, { measured: { probeEvery, auditEvery: 2 } });
  assert.ok(measuresEnough(plan, measured(5)));
  assert.ok(!measuresEnough(plan, measured(0)));
  assert.ok(measuresEnough(planned(), measured(5)));
});

test("a run that several experiments plan is one run that measures for all of them", () => {
  const [bare, probed, often] = [
    planned(),
    planned({}, 1, { probeEvery: 5 }),
    planned({}, 1, { probeEvery: 2 }),
  ];
  assert.deepEqual(distinctRuns([bare, probed, bare]), [probed]);
  assert.deepEqual(distinctRuns([probed, often, bare]), [probed, often]);
  assert.equal(distinctRuns([bare, planned({}, 2)]).length, 2);
});
