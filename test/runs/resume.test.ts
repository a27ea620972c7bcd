/** A run that was cut anywhere and went on ends with the weights and the records of one that was not. */

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { encode } from "fast-png";
import type { SavedPlan } from "../../src/comet/budget/state.js";
import type { CometStore } from "../../src/comet/store.js";
import type { Dataset } from "../../src/data/dataset.js";
import { openImageFolder } from "../../src/data/imagefolder.js";
import { makeFolder } from "../../src/files/folder.js";
import { listCheckpoints, readCheckpoint, restore, writeCheckpoint } from "../../src/runs/checkpoint.js";
import { train } from "../../src/training/loop.js";
import type { Position } from "../../src/training/position.js";
import type { TrainRecord } from "../../src/training/records.js";
import { createSession, type Session } from "../../src/training/session.js";
import type { Settings } from "../../src/training/settings.js";
import { seed } from "../arbitrary/seed.js";
import { dataset, noise, small, state, timeless, within } from "./small-runs.js";

console.log(`seed ${seed}`);
const folder = mkdtempSync(join(tmpdir(), "comet-resume-"));
after(() => rmSync(folder, { recursive: true, force: true }));

interface Part {
  weights: string;
  records: TrainRecord[];
}

/** What is measured on the way is recorded alike. */
const measured = {
  probeAt: (step: number) => step === 7,
  auditAt: (step: number) => step % 5 === 3,
  samplesAt: () => 1,
};

/** Trains from the start to the end; a run folder of its own for the checkpoint after each step. */
async function inOnePiece(settings: Settings, place: string, on?: Dataset) {
  const points: { run: string; position: Position; records: number }[] = [];
  const whole = await within(
    settings,
    async (session): Promise<Part> => {
      const records: TrainRecord[] = [];
      const { weights } = await train(session, {
        ...measured,
        onRecord: (record) => records.push(record),
        checkpointEvery: 1,
        async onCheckpoint(position) {
          const run = join(place, String(points.length));
          await writeCheckpoint(run, session, state(position));
          points.push({ run, position, records: records.length });
        },
      });
      return { weights, records };
    },
    on,
  );
  return { whole, points };
}

async function goOn(
  settings: Settings,
  { run, position }: { run: string; position: Position },
  { on, spoil }: { on?: Dataset; spoil?: (session: Session) => void } = {},
): Promise<Part> {
  const [name] = await listCheckpoints(run);
  const checkpoint = await readCheckpoint(run, name!);
  assert.deepEqual(checkpoint.state.position, position);
  return within(
    settings,
    async (session) => {
      await restore(session, checkpoint);
      spoil?.(session);
      const records: TrainRecord[] = [];
      const { weights } = await train(
        session,
        { ...measured, onRecord: (record) => records.push(record) },
        position,
      );
      return { weights, records };
    },
    on,
  );
}

const cases: Readonly<Record<string, Partial<Settings>>> = {
  "the plain store": { store: "plain" },
  "COMET, with warm-up and averaged weights": { every: 4, warmup: 3, ema: 0.9 },
  "COMET without momentum": { momentum: 0, every: 4, mode: "fast" },
  "COMET with its momentum in bfloat16": { every: 4, momentumType: "bfloat16" },
  "COMET under policy spread": { policy: "spread", every: 4 },
  "COMET made to fit": { fit: true, every: 4 },
  "COMET under policy budget": { policy: "budget", savedBytes: "8KiB", every: 4 },
  "COMET and batch normalisation, two threads": { model: "resnet8", nesterov: true, every: 3, threads: 2 },
};

for (const [title, changes] of Object.entries(cases)) {
  test(`from each step on, weights and records are those of a run in one piece: ${title}`, async () => {
    const settings = { ...small, ...changes };
    const { whole, points } = await inOnePiece(settings, join(folder, title));
    // After each of 13 steps; the end of an epoch is the start of the next, and the cut one is not evaluated yet.
    assert.equal(points.length, 13);
    assert.deepEqual(
      [4, 9, 12].map((i) => points[i]!.position),
      [
        { epoch: 1, batch: 0 },
        { epoch: 2, batch: 0 },
        { epoch: 2, batch: 3 },
      ],
    );
    for (const point of points) {
      const rest = await goOn(settings, point);
      assert.equal(rest.weights, whole.weights);
      assert.deepEqual(timeless(rest.records), timeless(whole.records.slice(point.records)));
    }
  });
}

test("so it is with dropout and stochastic depth", async () => {
  const settings: Settings = { ...small, model: "efficientnet_b0", steps: 2 };
  const on = noise(32);
  const { whole, points } = await inOnePiece(settings, join(folder, "efficientnet"), on);
  assert.equal((await goOn(settings, points[0]!, { on })).weights, whole.weights);
});

test("so it is with photographs, some of them damaged, decoded ahead of the step", async (t) => {
  const root = join(folder, "photographs");
  for (const [split, count] of [
    ["train", 7],
    ["val", 2],
  ] as const) {
    for (const label of ["a", "b"]) {
      makeFolder(join(root, split, label));
      for (let i = 0; i < count; i++) {
        const data = Uint8Array.from(
          { length: 20 * 24 * 3 },
          (_, n) => (n * (i + 3) * label.charCodeAt(0)) % 251,
        );
        writeFileSync(
          join(root, split, label, `${i}.png`),
          encode({ width: 24, height: 20, channels: 3, data }),
        );
      }
    }
  }
  writeFileSync(join(root, "train", "b", "3.png"), "no picture");
  const on = await openImageFolder(root, { size: 16, skipBad: true });
  t.after(() => on.close());
  const settings: Settings = { ...small, steps: 7 };
  const { whole, points } = await inOnePiece(settings, join(folder, "pictured"), on);
  assert.equal(on.skipped.length, 1);
  for (const point of points) {
    // Opened anew, as by another process: what it has met so far it does not know.
    const anew = await openImageFolder(root, { size: 16, skipBad: true });
    assert.equal((await goOn(settings, point, { on: anew })).weights, whole.weights);
    await anew.close();
  }
});

const controllerOf = ({ engine }: Session) => (engine.store as CometStore).controller;

test("every part of a checkpoint is needed", async () => {
  const settings: Settings = { ...small, model: "resnet8", every: 4 };
  const { whole, points } = await inOnePiece(settings, join(folder, "parts"));
  const point = points[5]!;
  const spoilers: Record<string, (session: Session) => void> = {
    weight: ({ model }) => ([...model.allParameters()][0]!.value.data[0]! += 1e-3),
    momentum: ({ optimizer }) => [...optimizer.state.momentum.values()][0]!.data.fill(0),
    "running statistics": ({ model }) =>
      [...model.state()].find(([name]) => /mean/.test(name))![1].data.fill(0),
    controller: (session) => controllerOf(session).sites.clear(),
    "one bound": (session) => {
      [...controllerOf(session).sites.values()][0]!.bounds!.bound /= 2;
    },
  };
  for (const [what, spoil] of Object.entries(spoilers)) {
    assert.notEqual((await goOn(settings, point, { spoil })).weights, whole.weights, what);
  }
});

test("of a plan too", async () => {
  const settings: Settings = { ...small, policy: "budget", savedBytes: "8KiB", every: 4 };
  const { whole, points } = await inOnePiece(settings, join(folder, "planned"));
  const spoilers: Record<string, (plan: SavedPlan) => SavedPlan> = {
    "what no bound changes": (plan) => ({ ...plan, fixedBytes: plan.fixedBytes + 4096 }),
    tensors: (plan) => ({ ...plan, tensors: plan.tensors.slice(1) }),
    correction: (plan) => ({
      ...plan,
      tensors: plan.tensors.map((tensor) => ({ ...tensor, correction: 0.9 * tensor.correction })),
    }),
  };
  for (const [what, spoiled] of Object.entries(spoilers)) {
    const spoil = (session: Session) => {
      const { plan } = controllerOf(session);
      plan!.restore(spoiled(plan!.state));
    };
    assert.notEqual((await goOn(settings, points[5]!, { spoil })).weights, whole.weights, what);
  }
});

test("many sessions in a process, several at once, each with threads of its own", async () => {
  const settings: Settings = { ...small, threads: 2, steps: 2, memory: "256MiB" };
  const { weights } = await within(settings, (session) => train(session));
  const open = [1, 2, 3].map(() => createSession(settings, dataset));
  assert.equal(
    new Set(await Promise.all(open.map(async (session) => (await train(session)).weights))).size,
    1,
  );
  await Promise.all(open.map((session) => session.close()));
  for (let i = 0; i < 40; i++) {
    assert.equal((await within({ ...settings, steps: 1 }, (session) => train(session))).steps, 1);
  }
  assert.equal((await within(settings, (session) => train(session))).weights, weights);
});
