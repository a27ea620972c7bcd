/** A run that was cut anywhere and went on ends with the weights and the records of one that was not. */
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import {
  type Checkpoint,
  listCheckpoints,
  readCheckpoint,
  restore,
  writeCheckpoint,
} from "../src/checkpoint.js";
import type { Dataset } from "../src/data/dataset.js";
import { pixelSplit } from "../src/data/pixels.js";
import { DataError, UsageError } from "../src/error.js";
import { parseExactly, stringifyExactly } from "../src/exact.js";
import { takeLock } from "../src/lock.js";
import type { TrainRecord } from "../src/records.js";
import { checkData, findStanding, settingsToGoOn } from "../src/resume.js";
import { createRng } from "../src/rng.js";
import { type Manifest, RunFolder, readRun } from "../src/run.js";
import { createSession, defaults, type Session, type Settings } from "../src/session.js";
import { type Position, train } from "../src/train.js";
import { seed } from "./arbitrary/seed.js";
import { manifest } from "./report-runs.js";

console.log(`seed ${seed}`);
const folder = mkdtempSync(join(tmpdir(), "comet-resume-"));
after(() => rmSync(folder, { recursive: true, force: true }));

/** 40 images of noise, moved and mirrored when trained on: ten batches of four an epoch. */
function noise(): Dataset {
  const rng = createRng(seed);
  const [channels, height, width] = [3, 16, 16];
  const split = (length: number) => {
    const data = Uint8Array.from({ length: length * channels * height * width }, () => rng.integer(0, 255));
    const labels = Uint8Array.from({ length }, () => rng.integer(0, 3));
    const normalization = { mean: [0.5, 0.5, 0.5], std: [0.3, 0.3, 0.3], range: 1, order: "rgb" } as const;
    return pixelSplit({ data, labels, channels, height, width }, normalization, { pad: 2, mirror: true });
  };
  const [classes, hash] = [["a", "b", "c", "d"], "00ff"];
  const close = async () => {};
  return {
    name: "noise",
    classes,
    channels,
    height,
    width,
    train: split(20),
    test: split(8),
    hash,
    skipped: [],
    close,
  };
}

const dataset = noise();
/** Five batches an epoch; the last epoch is cut short. */
const small: Settings = { ...defaults, model: "lenet", batch: 4, epochs: 3, steps: 13, lr: 0.02, threads: 1 };

async function within<T>(settings: Settings, use: (session: Session) => Promise<T>): Promise<T> {
  const session = createSession(settings, dataset);
  try {
    return await use(session);
  } finally {
    await session.close();
  }
}

interface Part {
  weights: string;
  records: TrainRecord[];
}

/** Without what no clock tells twice. */
const timeless = (records: readonly TrainRecord[]) =>
  records.map((record) => ({ ...record, ms: undefined, seconds: undefined }));

const state = (position: Position) => ({
  position,
  log: { bytes: 0, sha256: "" },
  skipped: [],
  seconds: 0,
  residentPeakBytes: 0,
});

/** Trains from the start to the end; a run folder of its own for the checkpoint after each step. */
async function inOnePiece(settings: Settings, place: string) {
  const points: { run: string; position: Position; records: number }[] = [];
  const whole = await within(settings, async (session): Promise<Part> => {
    const records: TrainRecord[] = [];
    const { weights } = await train(session, {
      onRecord: (record) => records.push(record),
      checkpointEvery: 1,
      async onCheckpoint(position) {
        const run = join(place, String(points.length));
        await writeCheckpoint(run, session, state(position));
        points.push({ run, position, records: records.length });
      },
    });
    return { weights, records };
  });
  return { whole, points };
}

async function goOn(
  settings: Settings,
  { run, position }: { run: string; position: Position },
  spoil?: (session: Session) => void,
): Promise<Part> {
  const [name] = await listCheckpoints(run);
  const checkpoint = await readCheckpoint(run, name!);
  assert.deepEqual(checkpoint.state.position, position);
  return within(settings, async (session) => {
    await restore(session, checkpoint);
    spoil?.(session);
    const records: TrainRecord[] = [];
    const { weights } = await train(session, { onRecord: (record) => records.push(record) }, position);
    return { weights, records };
  });
}

const cases: Readonly<Record<string, Partial<Settings>>> = {
  "the plain store": { store: "plain" },
  "COMET, with warm-up": { every: 4, warmup: 3 },
  "COMET without momentum": { momentum: 0, every: 4, mode: "fast" },
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

test("every part of a checkpoint is needed", async () => {
  const settings: Settings = { ...small, model: "resnet8", every: 4 };
  const { whole, points } = await inOnePiece(settings, join(folder, "parts"));
  const point = points[5]!;
  const spoilers: Record<string, (session: Session) => void> = {
    weight: ({ model }) => ([...model.allParameters()][0]!.value.data[0]! += 1e-3),
    momentum: ({ optimizer }) => [...optimizer.state.momentum.values()][0]!.data.fill(0),
    "running statistics": ({ model }) =>
      [...model.state()].find(([name]) => /mean/.test(name))![1].data.fill(0),
    controller: ({ comet }) => comet!.controller.sites.clear(),
    "one bound": ({ comet }) => {
      [...comet!.controller.sites.values()][0]!.bound! /= 2;
    },
  };
  for (const [what, spoil] of Object.entries(spoilers)) {
    assert.notEqual((await goOn(settings, point, spoil)).weights, whole.weights, what);
  }
});

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
  state: { ...state(position), settings, sites: null, meanGradient: [] },
});

test("what changes no result may be asked of a run that goes on, and nothing else", () => {
  const { settings } = began();
  const point = at(settings, { epoch: 1, batch: 2 });
  const asked = { threads: 2, memory: "2GiB", lr: settings.lr, image: 224, epochs: 3 };
  assert.deepEqual(settingsToGoOn("RUN", began(), point, asked), { ...settings, threads: 2, memory: "2GiB" });
  for (const [key, value, message] of [
    ["lr", 0.5, /^--lr: expected 0.02, as the run began, got 0.5; leave it out, or begin a new run$/],
    ["model", "resnet8", /^--model: expected lenet, as the run began, got resnet8/],
    ["weightDecay", 0, /^--weight-decay: expected 0.0005,/],
    ["profile", "fused", /^--profile: expected strict,/],
    ["image", 32, /^--image: expected 224,/],
    ["probeEvery", 5, /^--probe-every: expected 0,/],
    ["out", "elsewhere", /^--out: expected none with --resume, got elsewhere/],
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
    /--epochs: expected 13 steps in all, to which the learning rate has been falling, got 45; leave it out/,
  );
  assert.equal(settingsToGoOn("RUN", falling, null, longer).epochs, 9, "nothing is done yet");
  const level = began({ schedule: "constant" }, { status: "done", steps: 13 });
  const end = at(level.settings, { epoch: 2, batch: 3 });
  assert.equal(settingsToGoOn("RUN", level, end, longer).epochs, 9);
  assert.throws(
    () => settingsToGoOn("RUN", level, end, {}),
    /^UsageError: RUN: expected a run with steps left, got one that has done 13 of 13; look at it with comet/,
  );
  assert.throws(() => settingsToGoOn("RUN", level, end, { steps: 7 }), /got one that has done 13 of 7/);
});

test("a run that was told to stop goes on behind that; one that was cut before stops there", () => {
  const stopped = began({ stopAfter: 7 }, { status: "done", steps: 7 });
  assert.equal(settingsToGoOn("RUN", stopped, at(stopped.settings, { epoch: 1, batch: 2 }), {}).stopAfter, 0);
  const cut = began({ stopAfter: 7 });
  assert.equal(settingsToGoOn("RUN", cut, at(cut.settings, { epoch: 0, batch: 3 }), {}).stopAfter, 7);
  const further = settingsToGoOn("RUN", cut, at(cut.settings, { epoch: 0, batch: 3 }), { stopAfter: 9 });
  assert.equal(further.stopAfter, 9);
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
    /--data: expected the data that the run began with, SHA-256 00ff…, got noise, beef…; restore its files/,
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
    ENOENT: (copy) => rmSync(file(copy, "epoch0-batch3", "weights.safetensors")),
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
  assert.deepEqual(parseExactly(stringifyExactly(value)), value);
  assert.notDeepEqual(JSON.parse(JSON.stringify(value)), value);
  const bits = new Uint32Array([0x80000000, 0x7fc12345, 0xff800000, 1]);
  const back = parseExactly(stringifyExactly([new Float32Array(bits.buffer)])) as [Float32Array];
  assert.deepEqual(new Uint32Array(back[0].buffer), bits);
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
