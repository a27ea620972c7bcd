/** Policies spread and budget on real training steps: what is promised before the run, and what the steps then take. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { comparePolicies, type PolicyRow } from "../../bench/policies.js";
import { openDataset } from "../../src/data/open.js";
import { BudgetError, UsageError } from "../../src/error.js";
import { train } from "../../src/training/loop.js";
import type { PlanRecord } from "../../src/training/records.js";
import { createSession } from "../../src/training/session.js";
import { defaults, type Settings } from "../../src/training/settings.js";
import { dataset as noise, small } from "../runs/small-runs.js";

const dataset = await openDataset("fashion-mnist");
after(() => dataset.close());

/** The plan, and the peak of saved bytes and of the device in each step. */
async function run(changes: Partial<Settings>) {
  const settings = { ...defaults, model: "resnet8", batch: 32, steps: 20, lr: 0.05, threads: 1, ...changes };
  const session = createSession(settings, { ...dataset, test: { ...dataset.test, length: 0, batch() {} } });
  let plan: PlanRecord | null = null as PlanRecord | null;
  const saved: number[] = [];
  const device: number[] = [];
  try {
    await train(session, {
      onRecord(record) {
        if (record.kind === "plan") plan = record;
        if (record.kind === "step") saved.push(record.savedPeakBytes);
        if (record.kind === "step") device.push(record.devicePeakBytes);
      },
    });
  } finally {
    await session.close();
  }
  return { plan: plan!, saved, device };
}

const KiB = 1024;

test("no step saves more than the budget, and after the first collections none leaves a twelfth of it unused", async () => {
  for (const budget of [600 * KiB, 800 * KiB, 1024 * KiB]) {
    const { plan, saved } = await run({ policy: "budget", savedBytes: `${budget}` });
    assert.ok(plan.savedBytes <= budget && plan.savedBytes > 0.9 * budget);
    assert.ok(plan.leastBytes < budget && plan.noise > plan.lawNoise);
    assert.deepEqual(
      saved.filter((bytes) => bytes > budget),
      [],
    );
    assert.deepEqual(
      saved.slice(5).filter((bytes) => bytes < (11 / 12) * budget),
      [],
    );
  }
});

test("what a budget makes to be coded again keeps its mask, also where values tell no signs", async () => {
  const of = (savedBytes: number) =>
    run({ policy: "budget", savedBytes: `${savedBytes}`, quantizer: "paper", steps: 6 });
  const { plan } = await of(1024 * KiB);
  const budget = Math.ceil(1.02 * plan.leastBytes);
  const { saved } = await of(budget);
  assert.ok(Math.max(...saved) <= budget, `${saved} of ${budget}`);
});

test("a smaller budget than a step can keep to is refused before the first, with the least that fits", async () => {
  const refused = run({ policy: "budget", savedBytes: "200KiB" });
  await assert.rejects(refused, (error: Error) => {
    assert.ok(error instanceof BudgetError);
    const [, least] = /expected at least (\d+) KiB for .*, got 200 KiB; give more settings\.savedBytes/.exec(
      error.message,
    )!;
    assert.ok(Number(least) > 200 && Number(least) < 400, error.message);
    return true;
  });
  await assert.rejects(run({ policy: "budget", memory: "11MiB" }), BudgetError);
});

test("without --saved-bytes the budget is what the device has left", async () => {
  const { plan, device } = await run({ policy: "budget", memory: "20MiB", steps: 6 });
  assert.ok(plan.budgetBytes > 0 && Math.max(...device) < 20 * KiB ** 2);
  assert.ok(plan.noise < plan.lawNoise / 100);
});

test("a budget without a policy or a store that could keep to it, or that is no amount", () => {
  for (const [changes, message] of [
    [
      { savedBytes: "1MiB" },
      /^settings\.savedBytes: expected settings\.policy budget, .* got settings\.policy law/,
    ],
    [
      { policy: "budget", store: "plain" },
      /^settings\.policy: expected settings\.store comet-conv or comet, .* got settings\.store plain/,
    ],
    [
      { policy: "budget", savedBytes: "much" },
      /^settings\.savedBytes: expected an amount of bytes above 0, got much/,
    ],
    [{ policy: "budget", savedBytes: "0MiB" }, /^settings\.savedBytes: expected an amount of bytes above 0/],
  ] as const) {
    assert.throws(
      () => createSession({ ...small, ...changes }, noise),
      (error) => error instanceof UsageError && message.test(error.message),
    );
  }
});

test("spread takes fewer bytes than the law for the same noise, as measured", async () => {
  const settings = { ...defaults, model: "resnet8", batch: 32, steps: 12, lr: 0.05, threads: 1 };
  const [law, , spread] = (await comparePolicies(settings, dataset)) as [PolicyRow, PolicyRow, PolicyRow];
  assert.ok(spread.frameBytes < law.frameBytes, `${spread.frameBytes} and ${law.frameBytes} bytes`);
  assert.ok(spread.measured < 1.02 * law.measured, `noise ${spread.measured} and ${law.measured}`);
});
