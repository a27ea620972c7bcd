/** The pool of processes: what may run beside what, the time left, and the plan that its processes read. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { duration, Pace } from "../../src/cli/jobs/live.js";
import { readPlan, writePlan } from "../../src/cli/jobs/plan-file.js";
import { fits, type Job, runPool } from "../../src/cli/jobs/pool.js";
import { planned } from "../experiments/small-experiment.js";

const job = (changes: Partial<Job> = {}): Job => ({
  ...{ title: "a", args: ["--help"], threads: 1, memoryBytes: 100, alone: false, steps: 10 },
  ...changes,
});

test("jobs run beside each other as far as cores and memory go", () => {
  const room = { cores: 2, memoryBytes: 250 };
  assert.ok(fits(job(), [job()], room));
  assert.ok(!fits(job(), [job(), job()], { ...room, memoryBytes: 1e9 }), "two cores");
  assert.ok(!fits(job(), [job()], { ...room, processes: 1 }), "one process");
  assert.ok(!fits(job({ memoryBytes: 200 }), [job()], room), "memory");
  assert.ok(fits(job({ memoryBytes: 1000, threads: 9 }), [], room), "one alone may always try");
});

test("nothing runs beside a job that measures time", () => {
  const room = { cores: 8, memoryBytes: 1e9 };
  assert.ok(!fits(job({ alone: true }), [job()], room));
  assert.ok(!fits(job(), [job({ alone: true })], room));
  assert.ok(fits(job({ alone: true }), [], room));
});

test("a pool runs every job once and tells how each ended", async () => {
  const jobs = [job(), job({ title: "b", args: ["nonsense"] }), job({ title: "c" })];
  const ended: [string, number | null, string][] = [];
  const whole = await runPool(
    jobs,
    { cores: 2, memoryBytes: 1e9 },
    {
      ended: ({ title }, { code, output, lastLine }) =>
        ended.push([title, code, code === 0 ? output : lastLine]),
    },
  );
  assert.ok(whole);
  assert.deepEqual(ended.map(([title, code]) => `${title} ${code}`).sort(), ["a 0", "b 1", "c 0"]);
  assert.match(ended.find(([title]) => title === "a")![2], /Usage: comet/);
  assert.notEqual(ended.find(([title]) => title === "b")![2], "");
});

test("the time left is that of the steps left, at the pace so far", () => {
  let clock = 0;
  const jobs = [job(), job({ title: "b" }), job({ title: "c", steps: 40 })];
  const pace = new Pace(jobs, 2, () => clock);
  assert.equal(pace.msLeft, null);
  pace.step(jobs[0]!, 0);
  clock = 500;
  pace.step(jobs[0]!, 5);
  // 5 + 10 + 40 steps of 100 ms on two cores, but no less than the longest.
  assert.equal(pace.msLeft, 4000);
  pace.end(jobs[2]!);
  assert.equal(pace.msLeft, 1000);
  pace.end(jobs[1]!);
  pace.end(jobs[0]!);
  assert.equal(pace.msLeft, 0);
});

test("a resumed run is not taken for a fast one", () => {
  let clock = 0;
  const one = job({ steps: 100 });
  const pace = new Pace([one], 1, () => clock);
  pace.step(one, 91);
  clock = 100;
  pace.step(one, 92);
  assert.equal(pace.msLeft, 800);
});

test("durations are short", () => {
  assert.deepEqual([null, 1499, 120_000, 7_200_000].map(duration), ["…", "1 s", "2 min", "2.0 h"]);
});

test("a plan is read as it was written, and a changed one is refused", () => {
  const folder = mkdtempSync(join(tmpdir(), "comet-plan-"));
  try {
    const path = join(folder, "plan.json");
    const plan = {
      out: "runs",
      adopt: [],
      anyCode: false,
      runs: [planned(), planned({ store: "comet" }, 2)],
    };
    writePlan(path, plan);
    assert.deepEqual(readPlan(path), { version: 1, ...plan });
    writeFileSync(path, readFileSync(path, "utf8").replace('"batch": 64', '"batch": 65'));
    assert.throws(() => readPlan(path), /runs\[0\]\.key: expected the key of these settings/);
    assert.throws(() => readPlan(join(folder, "none.json")), /expected a plan of runs, got ENOENT/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
