/** Recomputation: the bits of the plain store from fewer bytes; a budget is kept to, and one out of reach is refused. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { UsageError } from "../../src/error.js";
import { train } from "../../src/training/loop.js";
import type { StepRecord } from "../../src/training/records.js";
import { createSession } from "../../src/training/session.js";
import type { Settings } from "../../src/training/settings.js";
import { noise, small, within } from "../runs/small-runs.js";

interface Trained {
  weights: string;
  last: StepRecord;
}

async function trained(given: Partial<Settings>, size: number): Promise<Trained> {
  const records: StepRecord[] = [];
  const settings = { ...small, epochs: 4, steps: 20, ...given };
  const { weights } = await within(
    settings,
    (session) => train(session, { onStep: (record) => records.push(record) }),
    noise(size),
  );
  return { weights, last: records.at(-1)! };
}

/** The last has dropout between its linear layers, concatenations and pooling; the one before stochastic depth. */
const networks = [
  ["resnet8", 16, 20],
  ["lenet", 16, 20],
  ["efficientnet_b0", 32, 2],
  ["squeezenet1_0", 32, 2],
] as const;

for (const [model, size, steps] of networks) {
  test(`${model}: after ${steps} steps weights and running statistics have the bits of the plain store`, async () => {
    const plain = await trained({ model, steps, store: "plain" }, size);
    const cheap = await trained({ model, steps, store: "recompute" }, size);
    assert.equal(cheap.weights, plain.weights);
    const peaks = [plain.last.savedPeakBytes, cheap.last.savedPeakBytes];
    for (const recompute of ["sqrt", "peak", "least"] as const) {
      const again = await trained({ model, steps, store: "recompute", recompute }, size);
      assert.equal(again.weights, plain.weights, recompute);
      peaks.push(again.last.savedPeakBytes);
    }
    assert.equal(Math.min(...peaks), peaks.at(-1), `${peaks}`);
    assert.ok(peaks.at(-1)! < 0.85 * cheap.last.savedPeakBytes, `${peaks}`);
  });
}

/** The fewest bytes, as the error of a budget out of reach names them. */
async function leastOf(settings: Partial<Settings>, size: number): Promise<number> {
  const asked = { store: "recompute", recompute: "budget", recomputeBytes: "1", ...settings } as const;
  const failure: unknown = await trained(asked, size).catch((error: unknown) => error);
  assert.ok(failure instanceof UsageError, String(failure));
  const found =
    /recomputeBytes: expected at least (\d+) bytes.*give settings\.recomputeBytes \1, or a smaller/s;
  return Number(found.exec(failure.message)![1]);
}

test("a step keeps to every budget from the fewest bytes on, and uses them", async () => {
  for (const [model, size] of [
    ["resnet20", 16],
    ["squeezenet1_0", 32],
  ] as const) {
    const run = { model, steps: 1, store: "recompute" } as const;
    const least = await leastOf(run, size);
    await assert.rejects(trained({ ...run, recompute: "budget", recomputeBytes: `${least - 1}` }, size), {
      name: "UsageError",
    });
    const cheap = (await trained(run, size)).last.savedPeakBytes;
    for (const part of [0, 0.3, 1]) {
      const budget = Math.ceil(least + part * (cheap - least));
      const { last } = await trained({ ...run, recompute: "budget", recomputeBytes: `${budget}` }, size);
      assert.ok(last.savedPeakBytes <= budget, `${model}: ${last.savedPeakBytes} of ${budget}`);
      assert.ok(last.savedPeakBytes > 0.85 * budget, `${model}: only ${last.savedPeakBytes} of ${budget}`);
    }
  }
});

test("the fewest bytes are for the batch, and grow with it", async () => {
  const [four, eight] = [
    await leastOf({ model: "resnet8", batch: 4 }, 16),
    await leastOf({ model: "resnet8", batch: 8 }, 16),
  ];
  assert.ok(eight > 1.9 * four && eight <= 2 * four, `${four}, ${eight}`);
});

test("settings that make no sense are refused, with what would do", () => {
  for (const [settings, expected] of [
    [{ recompute: "all" }, /settings\.recompute.*cheap, sqrt, least, peak, budget/s],
    [{ recompute: "budget" }, /settings\.recomputeBytes.*64MiB.*least/s],
    [{ recompute: "budget", recomputeBytes: "-3" }, /settings\.recomputeBytes.*above 0/s],
    [{ recomputeBytes: "64MiB" }, /settings\.recomputeBytes.*settings\.recompute budget, which reads it/s],
    [{ store: "plain", recompute: "sqrt" }, /settings\.recompute.*settings\.store recompute/s],
  ] as const) {
    assert.throws(
      () =>
        createSession(
          { ...small, store: "recompute", ...(settings as unknown as Partial<Settings>) },
          noise(16),
        ),
      (error: Error) => error instanceof UsageError && expected.test(error.message),
    );
  }
});
