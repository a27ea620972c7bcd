/** kill -9 at any moment, again and again: the run goes on each time, and ends as if nothing had been. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { encodeIdx } from "../../src/data/idx.js";
import { makeFolder } from "../../src/files/folder.js";
import { takeLock } from "../../src/files/lock.js";
import { createRng } from "../../src/rng.js";
import { listCheckpoints } from "../../src/runs/checkpoint.js";
import { readManifest } from "../../src/runs/manifest.js";
import { readRun } from "../../src/runs/run.js";
import { seed } from "../arbitrary/seed.js";
import { timeless } from "./small-runs.js";

console.log(`seed ${seed}`);
const rng = createRng(seed);
const folder = mkdtempSync(join(tmpdir(), "comet-kill-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const data = join(folder, "data");
makeData();

/** 96 and 32 pictures of noise: six batches of 16 an epoch. */
function makeData(): void {
  const write = (name: string, dimensions: number[], most: number) => {
    const values = Uint8Array.from({ length: dimensions.reduce((a, b) => a * b) }, () =>
      rng.integer(0, most),
    );
    writeFileSync(join(data, name), encodeIdx(dimensions, values));
  };
  makeFolder(data);
  for (const [prefix, count] of [
    ["train", 96],
    ["t10k", 32],
  ] as const) {
    write(`${prefix}-images-idx3-ubyte`, [count, 28, 28], 255);
    write(`${prefix}-labels-idx1-ubyte`, [count], 9);
  }
}

const main = fileURLToPath(new URL("../../src/cli/main.js", import.meta.url));
const crash = new URL("crash.js", import.meta.url).href;
const settings = {
  "--model": "lenet",
  "--data": data,
  "--epochs": "3",
  "--batch": "16",
  "--lr": "0.05",
  "--every": "4",
  "--audit-every": "5",
  "--threads": "1",
  "--checkpoint-every": "2",
};

/**
 * When a process gets its signal, SIGKILL unless told: in its n-th change of the disk, or as soon as we see so many more
 * bytes of records.
 */
type Kill = { change: number; signal?: NodeJS.Signals } | { bytes: number } | null;

/** `comet train`, anew or where it stands; whether it was ended before it was done. */
async function comet(out: string, kill: Kill): Promise<boolean> {
  const run = runIn(out);
  const args = run ? ["--resume", run] : [...Object.entries(settings).flat(), "--out", out];
  const child = spawn(process.execPath, ["--import", crash, main, "train", ...args], {
    env: {
      ...process.env,
      ...(kill && "change" in kill
        ? { COMET_CRASH_AT: String(kill.change), COMET_CRASH_BY: kill.signal ?? "SIGKILL" }
        : {}),
    },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  const enough = kill && "bytes" in kill ? metricsIn(out) + kill.bytes : Number.POSITIVE_INFINITY;
  const timer = setInterval(() => metricsIn(out) >= enough && child.kill("SIGKILL"), 2);
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => {
      clearInterval(timer);
      if (code === 0 || code === 130 || signal === "SIGKILL") resolve(code !== 0);
      else reject(new Error(`exit code ${code}: ${said}`));
    });
  });
}

/** A folder without a manifest was killed before it was a run. */
const runIn = (out: string): string | undefined =>
  (existsSync(out) ? readdirSync(out) : [])
    .map((name) => join(out, name))
    .find((path) => existsSync(join(path, "manifest.json")));

/** The size of its records, in bytes. */
function metricsIn(out: string): number {
  const run = runIn(out);
  return run ? statSync(join(run, "metrics.jsonl")).size : 0;
}

function isDone(out: string): boolean {
  const run = runIn(out);
  return run !== undefined && readManifest(run).status === "done";
}

/** The weights and records of the run in a folder, which must have ended and left nothing behind. */
async function endOf(out: string) {
  const path = runIn(out)!;
  const { manifest, records } = readRun(path);
  assert.deepEqual(await listCheckpoints(path), ["epoch3-batch0", "epoch2-batch4"]);
  const names = readdirSync(path, { recursive: true, encoding: "utf8" });
  assert.deepEqual(
    names.filter((name) => /\.part|lock/.test(name)),
    [],
  );
  return { weights: manifest.weights, steps: manifest.steps, records: timeless(records) };
}

const ways: Readonly<Record<string, (bytes: number) => Kill>> = {
  "killed in the middle of changes of the disk, a run ends with the same weights and records": () => ({
    change: rng.integer(1, 200),
  }),
  "killed at any time, a run ends with the same weights and records": (bytes) => ({
    bytes: rng.integer(1, bytes >> 2),
  }),
};

let wanted: Awaited<ReturnType<typeof endOf>>;
let bytes = 0;
before(async () => {
  const out = join(folder, "whole");
  await comet(out, null);
  wanted = await endOf(out);
  bytes = metricsIn(out);
});

/** COMET_KILLS=200 for a thorough look. */
const most = Number(process.env.COMET_KILLS ?? 8);

for (const [n, [title, draw]] of Object.entries(ways).entries()) {
  test(title, async (t) => {
    let [kills, runs] = [0, 0];
    // We may come too late to see a run at work.
    while (kills < most && runs < most) {
      const out = join(folder, `killed-${n}-${runs++}`);
      while (!isDone(out)) if (await comet(out, kills < most ? draw(bytes) : null)) kills++;
      assert.deepEqual(await endOf(out), wanted);
    }
    t.diagnostic(`${kills} kills of ${runs} runs`);
  });
}

test("SIGTERM ends a run after the step under way, where it goes on", async () => {
  const out = join(folder, "ended");
  assert.ok(await comet(out, { change: 60, signal: "SIGTERM" }));
  const { manifest, records } = readRun(runIn(out)!);
  assert.equal(manifest.status, "interrupted");
  const [latest] = await listCheckpoints(runIn(out)!);
  assert.equal(latest, `epoch${Math.floor(manifest.steps / 6)}-batch${manifest.steps % 6}`);
  assert.equal(records.filter(({ kind }) => kind === "step").length, manifest.steps);
  assert.equal(await comet(out, null), false);
  assert.deepEqual(await endOf(out), wanted);
});

/** A command that ends by itself, on a copy of the whole run. */
function onCopy(damage: (run: string) => void, ...args: string[]) {
  const run = join(folder, "copy");
  cpSync(runIn(join(folder, "whole"))!, run, { recursive: true });
  damage(run);
  const told = args.map((arg) => (arg === "RUN" ? run : arg));
  const before = filesOf(run);
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...told], { encoding: "utf8" });
  if (status !== 0) assert.deepEqual(filesOf(run), before);
  rmSync(run, { recursive: true });
  assert.doesNotMatch(stderr, /\n {4}at /, "a stack trace");
  return { status, stdout, stderr };
}

const filesOf = (run: string) =>
  readdirSync(run, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, path, name }) => join(parentPath ?? path, name))
    .map((path): [string, string] => [path, readFileSync(path, "latin1")]);

const edit = (file: string, from: RegExp, to: string) => (run: string) => {
  const path = join(run, file);
  writeFileSync(path, readFileSync(path, "utf8").replace(from, to));
};

test("a replay agrees with what a run recorded, or names where it does not", () => {
  const same = onCopy(() => {}, "replay", "RUN", "--threads", "2");
  assert.equal(same.status, 0, same.stderr);
  assert.match(
    same.stdout,
    new RegExp(`repeats: 18 losses, weights after 3 epochs\\nweights {2}${wanted.weights}`),
  );
  const other = onCopy(edit("metrics.jsonl", /("kind":"step","step":7,.*?"loss":)/, "$19"), "replay", "RUN");
  assert.equal(other.status, 1);
  assert.match(other.stderr, /NumericError: step 7: loss: expected 9.*, as recorded, got /);
});

test("with its latest checkpoint damaged a run goes on from the one before it, and says so", () => {
  const { status, stdout, stderr } = onCopy(
    (run) => {
      edit("manifest.json", /"status": "done"/, '"status": "running"')(run);
      writeFileSync(join(run, "checkpoints", "epoch3-batch0", "weights.safetensors"), "half");
    },
    ...["train", "--resume", "RUN", "--json"],
  );
  assert.equal(status, 0, stderr);
  assert.match(stderr, /epoch3-batch0 is damaged and left aside: a weights.safetensors that is not what/);
  assert.match(stderr, /copy: 16 of 18 steps are done/);
  assert.equal((JSON.parse(stdout) as { weights: string }).weights, wanted.weights);
});

test("a run that was killed behind its last step is complete, and what is left to do is done", () => {
  for (const [damage, message] of [
    [() => {}, /copy is complete: all 18 steps are done, and its report is written now/],
    [
      edit("manifest.json", /"status": "done"/, '"status": "running"'),
      /copy: 18 of 18 steps are done, it is complete but for its end/,
    ],
  ] as const) {
    const { status, stdout, stderr } = onCopy(
      (run) => {
        damage(run);
        rmSync(join(run, "report.html"));
      },
      ...["train", "--resume", "RUN", "--json"],
    );
    assert.equal(status, 0, stderr);
    assert.match(stderr, message);
    const result = JSON.parse(stdout) as { status: string; weights: string; report: string; summary: object };
    assert.deepEqual([result.status, result.weights], ["done", wanted.weights]);
    assert.ok(result.report.endsWith("report.html"));
  }
});

const refusals: readonly [title: string, damage: (run: string) => void, asked: string[], message: RegExp][] =
  [
    ["a finished run", () => {}, [], /copy: expected a run with steps left, got one that has done 18 of 18;/],
    [
      "another rate",
      () => {},
      ["--lr", "0.1"],
      /--lr: expected 0.05, as the run began, got 0.1; leave it out/,
    ],
    [
      "more of a falling rate",
      () => {},
      ["--epochs", "4"],
      /--epochs: expected 18 steps in all, to which the/,
    ],
    ["a newer manifest", edit("manifest.json", /"version": 1/, '"version": 2'), [], /got version 2; use the/],
    [
      "other data",
      edit("manifest.json", /"hash": "(.*)("status": ")done/s, '"hash": "x$1$2running'),
      [],
      /--data: expected the data/,
    ],
    [
      "a run at work",
      (run) => takeLock(join(run, "lock")),
      [],
      /lock: expected no other process working on this run/,
    ],
  ];

for (const [title, damage, asked, message] of refusals) {
  test(`${title} is not gone on with, and is left as it was`, () => {
    const { status, stderr } = onCopy(damage, "train", "--resume", "RUN", ...asked);
    assert.equal(status, 1, stderr);
    assert.match(stderr, message);
  });
}
