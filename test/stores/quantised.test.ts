/** Training under each store that quantises: it learns, repeats for any number of threads, and goes on from a checkpoint. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { listCheckpoints, readCheckpoint, restore, writeCheckpoint } from "../../src/runs/checkpoint.js";
import { train } from "../../src/training/loop.js";
import type { Position } from "../../src/training/position.js";
import type { StepRecord } from "../../src/training/records.js";
import type { Settings } from "../../src/training/settings.js";
import { seed } from "../arbitrary/seed.js";
import { small, state, within } from "../runs/small-runs.js";

console.log(`seed ${seed}`);
const folder = mkdtempSync(join(tmpdir(), "quantised-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const cases: Readonly<Record<string, Partial<Settings>>> = {
  "ActNN L1": { store: "actnn", actnnLevel: "L1" },
  "ActNN L2": { store: "actnn", actnnLevel: "L2" },
  "ActNN L3": { store: "actnn" },
  BLPA: { store: "blpa" },
  DIVISION: { store: "division" },
  "AC-GC AutoQuant": { store: "acgc", acgcEvery: 2 },
  "AC-GC AutoQuantZ": { store: "acgc", acgcEvery: 2, acgcZeros: true, acgcEps: 2 },
  "Gist, fp16": { store: "gist" },
  "Gist, fp8": { store: "gist", gistFormat: "fp8" },
  GACT: { store: "gact", gactEvery: 5 },
  "GACT, not shared": { store: "gact", gactEvery: 5, gactUnshared: true },
};

/** Trains to the end, from a checkpoint if one is given; writes one after step `cut`, if that is given. */
const run = (changes: Partial<Settings>, { from, cut }: { from?: string; cut?: number } = {}) =>
  within({ ...small, model: "resnet8", epochs: 2, steps: 8, lr: 0.05, ...changes }, async (session) => {
    const losses: number[] = [];
    const steps: StepRecord[] = [];
    let written: Position | undefined;
    if (from) {
      const checkpoint = await readCheckpoint(from, (await listCheckpoints(from))[0]!);
      await restore(session, checkpoint);
      written = checkpoint.state.position;
    }
    let seen = 0;
    const { weights } = await train(
      session,
      {
        onStep(step) {
          losses.push(step.loss);
          steps.push(step);
        },
        checkpointEvery: 1,
        async onCheckpoint(position) {
          if (++seen === cut)
            await writeCheckpoint(join(folder, JSON.stringify(changes)), session, state(position));
        },
      },
      written,
    );
    return { weights, losses, steps };
  });

for (const [title, changes] of Object.entries(cases)) {
  test(`${title}: any number of threads and any cut give the same weights, and fewer bytes than plain`, async () => {
    const whole = await run(changes, { cut: 3 });
    assert.ok(whole.losses.every(Number.isFinite));
    const rest = await run(changes, { from: join(folder, JSON.stringify(changes)) });
    assert.equal(rest.weights, whole.weights);
    assert.equal((await run({ ...changes, threads: 2 })).weights, whole.weights);
    const plain = await run({ store: "plain" });
    assert.notEqual(whole.weights, plain.weights);
    const saved = ({ steps }: typeof plain) => steps.at(-1)!.savedPeakBytes;
    assert.ok(saved(whole) < saved(plain), `${saved(whole)} of ${saved(plain)}`);
    console.log(`${title}: ${(saved(plain) / saved(whole)).toFixed(2)}x fewer saved bytes at the peak`);
  });
}
