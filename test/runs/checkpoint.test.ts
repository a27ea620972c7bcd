/** Checkpoints on disk, damaged or whole, and what may be asked of a run that goes on. */
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { DataError, UsageError } from "../../src/error.js";
import { parseExactly, stringifyExactly } from "../../src/files/exact.js";
import { takeLock } from "../../src/files/lock.js";
import { type Checkpoint, listCheckpoints, restore, writeCheckpoint } from "../../src/runs/checkpoint.js";
import type { Manifest } from "../../src/runs/manifest.js";
import { checkData, findStanding, settingsToGoOn } from "../../src/runs/resume.js";
import { RunFolder, readRun } from "../../src/runs/run.js";
import type { Position } from "../../src/training/position.js";
import type { Settings } from "../../src/training/settings.js";
import { manifest } from "../report/runs.js";
import { dataset, small, state, within } from "./small-runs.js";

const folder = mkdtempSync(join(tmpdir(), "comet-checkpoint-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const began = (changes: Partial<Settings> = {}, rest: Partial<Manifest> = {}): Manifest =>
  manifest("comet", {
    settings: { ...small, ...changes },
    data: { name: "noise", hash: "00ff", train: 20, test: 8, source: "noise", image: 224, skipBad: false },
    status: "interrupted",
    ...rest,
  });

/** A checkpoint that is so far, of a run with these settings. */
const at = (settings: Settings, position: Position): Checkpoint => ({
  path: "",
  state: { version: 1, ...state(position), settings, store: null, meanGradient: [] },
});

test("what changes no result may be asked of a run that goes on, and nothing else", () => {
  const { settings } = began();
  const point = at(settings, { epoch: 1, batch: 2 });
  const asked = { threads: 2, memory: "2GiB", lr: settings.lr, image: 224, epochs: 3 };
  assert.deepEqual(settingsToGoOn("RUN", began(), point, asked), { ...settings, threads: 2, memory: "2GiB" });
  for (const [key, value, message] of [
    ["lr", 0.5, /^settings\.lr: expected 0.02, as the run began, got 0.5; leave it out, or begin a new run$/],
    ["model", "resnet8", /^settings\.model: expected lenet, as the run began, got resnet8/],
    ["weightDecay", 0, /^settings\.weightDecay: expected 0.0005,/],
    ["profile", "fused", /^settings\.profile: expected strict,/],
    ["image", 32, /^settings\.image: expected 224,/],
    ["probeEvery", 5, /^settings\.probeEvery: expected 0,/],
    ["out", "elsewhere", /^settings\.out: expected none for a run that is resumed, got elsewhere/],
  ] as const) {
    assert.throws(
      () => settingsToGoOn("RUN", began(), point, { [key]: value }),
      (error: Error) => error instanceof UsageError && message.test(error.message),
    );
  }
});

test("a run may become longer where the learning rate would have been the same so far", () => {
  const longer = { epochs: 9, steps: 0 };
  const falling = began();
  assert.throws(
    () => settingsToGoOn("RUN", falling, at(falling.settings, { epoch: 0, batch: 2 }), longer),
    /settings\.epochs: expected 13 steps in all, to which the learning rate has been falling, got 45; leave it out/,
  );
  assert.equal(settingsToGoOn("RUN", falling, null, longer)?.epochs, 9, "nothing is done yet");
  const level = began({ schedule: "constant" }, { status: "done", steps: 13 });
  const end = at(level.settings, { epoch: 2, batch: 3 });
  assert.equal(settingsToGoOn("RUN", level, end, longer)?.epochs, 9);
  assert.equal(settingsToGoOn("RUN", level, end, {}), null, "all is done");
  assert.throws(() => settingsToGoOn("RUN", level, end, { steps: 7 }), /got one that has done 13 of 7/);
});

test("a run that was told to stop goes on behind that; one that was cut before stops there", () => {
  const stopped = began({ stopAfter: 7 }, { status: "done", steps: 7 });
  const stopAfter = (run: Manifest, position: Position, asked = {}) =>
    settingsToGoOn("RUN", run, at(run.settings, position), asked)?.stopAfter;
  assert.equal(stopAfter(stopped, { epoch: 1, batch: 2 }), 0);
  const cut = began({ stopAfter: 7 });
  assert.equal(stopAfter(cut, { epoch: 0, batch: 3 }), 7);
  assert.equal(stopAfter(cut, { epoch: 0, batch: 3 }, { stopAfter: 9 }), 9);
  assert.equal(stopAfter(cut, { epoch: 1, batch: 2 }), 7, "it was ended when its last record was written");
});

test("a manifest that was changed by hand and other data are refused", () => {
  const changed = began({ seed: 2 });
  assert.throws(
    () => settingsToGoOn("RUN", changed, at(small, { epoch: 0, batch: 3 }), {}),
    /RUN\/manifest.json: expected seed 1, as its checkpoint says, got 2; restore the file/,
  );
  checkData(began(), dataset);
  assert.throws(
    () => checkData(began(), { ...dataset, hash: "beef" }),
    /settings\.data: expected the data that the run began with, SHA-256 00ff…, got noise, beef…; restore its files/,
  );
});

/** A run of three steps with a checkpoint and a record after each; the first checkpoint is gone by then. */
async function shortRun(name: string): Promise<string> {
  const run = RunFolder.create(folder, began({}, { id: name }));
  await within(small, async (session) => {
    for (const batch of [1, 2, 3]) {
      run.append({ kind: "audit", step: batch, frames: 0, values: 0, worst: 0, moved: 0 });
      await writeCheckpoint(run.path, session, { ...state({ epoch: 0, batch }), log: run.mark() });
    }
  });
  run.append({ kind: "audit", step: 4, frames: 0, values: 0, worst: 0, moved: 0 });
  run.close({ status: "interrupted" });
  return run.path;
}

test("the last two checkpoints are kept, the latest is gone on from, and later records are cut off", async () => {
  const path = await shortRun("short");
  assert.deepEqual(await listCheckpoints(path), ["epoch0-batch3", "epoch0-batch2"]);
  const { checkpoint, log, damaged } = await findStanding(path);
  assert.deepEqual([checkpoint!.state.position.batch, damaged], [3, []]);
  const run = RunFolder.open(path);
  run.begin({ status: "running" }, log);
  run.append({ kind: "audit", step: 5, frames: 0, values: 0, worst: 0, moved: 0 });
  run.close();
  const steps = readRun(path).records.map((record) => record.kind === "audit" && record.step);
  assert.deepEqual(steps, [1, 2, 3, 5]);
});

const file = (path: string, ...names: string[]) => join(path, "checkpoints", ...names);

test("a damaged checkpoint is left aside for the one before it; with none whole, that is said", async () => {
  const path = await shortRun("damaged");
  const damages: Record<string, (copy: string) => void> = {
    "a weights.safetensors that is not what": (copy) =>
      truncateSync(file(copy, "epoch0-batch3", "weights.safetensors"), 1000),
    "a momentum.safetensors that is not what": (copy) =>
      flip(file(copy, "epoch0-batch3", "momentum.safetensors")),
    "a state.json that is not what": (copy) => flip(file(copy, "epoch0-batch3", "state.json")),
    "that is not what SHA256SUMS says": (copy) => flip(file(copy, "epoch0-batch3", "SHA256SUMS")),
    "a weights.safetensors that is not what SHA256SUMS says, or is missing": (copy) =>
      rmSync(file(copy, "epoch0-batch3", "weights.safetensors")),
    "other text in its first": (copy) => truncateSync(join(copy, "metrics.jsonl"), 200),
  };
  for (const [what, damage] of Object.entries(damages)) {
    const copy = join(folder, "copy");
    cpSync(path, copy, { recursive: true });
    damage(copy);
    const { checkpoint, damaged } = await findStanding(copy);
    assert.equal(checkpoint!.state.position.batch, 2);
    assert.deepEqual(
      damaged.map(({ name }) => name),
      ["epoch0-batch3"],
    );
    assert.ok(damaged[0]!.damage.includes(what), damaged[0]!.damage);
    rmSync(file(copy, "epoch0-batch2", "SHA256SUMS"));
    await assert.rejects(
      findStanding(copy),
      /checkpoints: expected a whole checkpoint, got in epoch0-batch3 .*, in epoch0-batch2 .*; remove the folder/,
    );
    rmSync(copy, { recursive: true });
  }
});

function flip(path: string): void {
  const bytes = readFileSync(path);
  bytes[bytes.length >> 1]! ^= 1;
  writeFileSync(path, bytes);
}

test("before its first checkpoint a run begins again", async () => {
  const run = RunFolder.create(folder, began({}, { id: "early" }));
  run.append({ kind: "audit", step: 0, frames: 0, values: 0, worst: 0, moved: 0 });
  run.close();
  assert.deepEqual(await findStanding(run.path), { checkpoint: null, log: new Uint8Array(), damaged: [] });
});

test("a checkpoint of another model is refused by the first tensor that does not fit", async () => {
  const path = await shortRun("other");
  const { checkpoint } = await findStanding(path);
  await within({ ...small, model: "resnet8" }, async (session) => {
    await assert.rejects(restore(session, checkpoint!), DataError);
  });
});

test("a run has one writer at a time; one that was killed holds nothing", () => {
  const path = join(folder, "lock");
  const unlock = takeLock(path);
  assert.throws(
    () => takeLock(path),
    (error: Error) => error instanceof UsageError && error.message.includes(`got process ${process.pid};`),
  );
  unlock();
  for (const gone of ["", "999999999 1", `${process.ppid} 1`]) {
    writeFileSync(path, gone);
    takeLock(path)();
  }
  assert.ok(!readdirSync(folder).includes("lock"));
});

test("exact JSON gives back every number and every bit of a float32", () => {
  const value = {
    numbers: [0, -0, 0.1 + 0.2, 5e-324, Number.MAX_VALUE, Number.NaN, Number.NEGATIVE_INFINITY],
    others: { number: "NaN", float32: "", null: null, true: true, list: [{}] },
  };
  assert.deepEqual(parseExactly(stringifyExactly(value), "file"), value);
  assert.notDeepEqual(JSON.parse(JSON.stringify(value)), value);
  const bits = new Uint32Array([0x80000000, 0x7fc12345, 0xff800000, 1]);
  const back = parseExactly(stringifyExactly([new Float32Array(bits.buffer)]), "file") as [Float32Array];
  assert.deepEqual(new Uint32Array(back[0].buffer), bits);
});
