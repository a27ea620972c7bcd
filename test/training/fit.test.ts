/** With the setting `fit`, steps that the law's bounds would not let fit are made to fit, and say at what noise. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { extrapolated, mostSaved, savedWithin } from "../../src/comet/budget/memory.js";
import { randomImages } from "../../src/data/random.js";
import type { MemoryProfile } from "../../src/engine/controller.js";
import { BudgetError, MemoryError, UsageError } from "../../src/error.js";
import { loadBatch } from "../../src/training/evaluation.js";
import { train } from "../../src/training/loop.js";
import type { StepRecord } from "../../src/training/records.js";
import { createSession } from "../../src/training/session.js";
import type { Settings } from "../../src/training/settings.js";
import { trialOf } from "../../src/training/trial.js";
import { seed } from "../arbitrary/seed.js";

async function run(settings: Partial<Settings>) {
  const { batch = 6, steps = 3 } = settings;
  const session = createSession(
    { model: "resnet8", lr: 0.02, schedule: "constant", batch, steps, threads: 1, ...settings },
    randomImages(batch * steps, 24),
  );
  const records: StepRecord[] = [];
  try {
    const { weights } = await train(session, { onStep: (record) => records.push(record) });
    return { weights, steps: records, budget: session.engine.device.budget };
  } finally {
    await session.close();
  }
}

const memory = "8MiB";
const fits = async (settings: Partial<Settings>) => {
  try {
    await run(settings);
    return true;
  } catch (error) {
    if (error instanceof MemoryError || error instanceof BudgetError) return false;
    throw error;
  }
};

test("where the law fits, it stays: the weights are those of a run that does not ask to fit", async () => {
  const law = await run({ batch: 16, memory: "16MiB" });
  const fit = await run({ batch: 16, memory: "16MiB", fit: true });
  assert.equal(fit.weights, law.weights);
  for (const { noise, lawNoise } of fit.steps) assert.equal(noise, lawNoise);
});

test("of the batches around the limit, those that the law fits and more fit, and none fails after a step", async () => {
  const found = { law: 0, fit: 0, loosened: 0 };
  for (const batch of [44, 50, 56, 60, 72]) {
    if (await fits({ batch, memory })) found.law = batch;
    try {
      const { steps, budget } = await run({ batch, memory, fit: true });
      found.fit = batch;
      for (const { noise, lawNoise, devicePeakBytes } of steps) {
        assert.ok(noise! >= lawNoise! && devicePeakBytes <= budget);
        if (noise! > 1.001 * lawNoise!) found.loosened++;
      }
    } catch (error) {
      // It is refused before the first step.
      assert.ok(error instanceof BudgetError, `batch ${batch}: ${error}`);
    }
  }
  assert.ok(found.fit > found.law && found.law > 0 && found.loosened > 0, JSON.stringify(found));
});

test("a run that is made to fit has the same weights on two threads, and again", async () => {
  const settings = { batch: 54, memory, fit: true };
  const { weights, steps } = await run(settings);
  assert.ok(
    steps.some(({ noise, lawNoise }) => noise! > 1.001 * lawNoise!),
    "bounds are loosened",
  );
  assert.equal((await run(settings)).weights, weights);
  assert.equal((await run({ ...settings, threads: 2 })).weights, weights);
});

test("what a trial on some images counts does not depend on how many others the batch has, since a step consumes them", async () => {
  const counts: { profile: MemoryProfile; fitting: number }[] = [];
  for (const images of [16, 32]) {
    const session = createSession({ model: "resnet8", threads: 1, memory }, randomImages(images, 24));
    const batch = await loadBatch(
      session,
      session.dataset.train,
      Uint32Array.from({ length: images }, (_, i) => i),
      null,
    );
    const { memory: counted } = trialOf(session, batch);
    counts.push({ profile: counted.profile(2), fitting: counted.fitting() });
    await session.close();
  }
  assert.ok(counts[0]!.profile.some(({ other }) => other > 0));
  assert.deepEqual(counts[0], counts[1]);
});

test("only the policy law is made to fit", async () => {
  await assert.rejects(run({ policy: "spread", fit: true }), UsageError);
  await assert.rejects(run({ store: "plain", fit: true }), UsageError);
});

test("the saved bytes that fit: no moment exceeds the limit, and one is at it", () => {
  const bytes = fc.integer({ min: 0, max: 1000 });
  const moments = fc.array(fc.record({ saved: bytes, other: bytes }), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(moments, fc.integer({ min: 1, max: 3000 }), (profile, limit) => {
      const most = mostSaved(profile);
      fc.pre(most > 0);
      const saved = savedWithin(profile, limit);
      if (saved < 0) return assert.ok(profile.some(({ other }) => other > limit));
      const at = (part: number) => Math.max(...profile.map(({ saved, other }) => part * saved + other));
      assert.ok(at(saved / most) <= limit + 1e-9);
      assert.ok(saved === limit || at((saved + 1) / most) >= limit - 1 || saved + 1 > limit);
    }),
    { seed },
  );
});

test("what grows like a line with the images is extrapolated exactly", () => {
  const at = (images: number) => ({
    images,
    profile: [
      { saved: 100 + 7 * images, other: 3 * images },
      { saved: 0, other: 50 },
    ],
  });
  assert.deepEqual(extrapolated(at(4), at(8), 32), at(32).profile);
  assert.deepEqual(extrapolated(at(1), at(1), 1), at(1).profile);
});
