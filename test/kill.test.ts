/** kill -9 at any moment, again and again: the run goes on each time, and ends as if nothing had been. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { listCheckpoints } from "../src/checkpoint.js";
import { encodeIdx } from "../src/data/idx.js";
import { makeFolder } from "../src/folder.js";
import type { TrainRecord } from "../src/records.js";
import { createRng } from "../src/rng.js";
import { readManifest, readRun } from "../src/run.js";
import { seed } from "./arbitrary/seed.js";

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

const main = fileURLToPath(new URL("../src/cli/main.js", import.meta.url));
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

/** When a process is killed: in its n-th change of the disk, or as soon as so many more bytes of records are seen. */
type Kill = { change: number } | { bytes: number } | null;

/** `comet train`, anew or where it stands; the signal that ended it, or null. */
async function comet(out: string, kill: Kill): Promise<NodeJS.Signals | null> {
  const run = runIn(out);
  const args = run ? ["--resume", run] : [...Object.entries(settings).flat(), "--out", out];
  const child = spawn(process.execPath, ["--import", crash, main, "train", ...args], {
    env: { ...process.env, COMET_CRASH_AT: String(kill && "change" in kill ? kill.change : 0) },
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
      if (code === 0 || signal === "SIGKILL") resolve(signal);
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

/** Without what no clock tells twice. */
const timeless = (records: readonly TrainRecord[]) =>
  records.map((record) => ({ ...record, ms: undefined, seconds: undefined }));

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
  "in the middle of a change of the disk": () => ({ change: rng.integer(1, 80) }),
  "at any time": (bytes) => ({ bytes: rng.integer(1, bytes >> 2) }),
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

for (const [title, draw] of Object.entries(ways)) {
  test(`a run that is killed again and again ends with the same weights and records: ${title}`, async (t) => {
    let [kills, runs] = [0, 0];
    while (kills < most) {
      const out = join(folder, `${title} ${runs++}`);
      while (!isDone(out)) if (await comet(out, kills < most ? draw(bytes) : null)) kills++;
      assert.deepEqual(await endOf(out), wanted);
    }
    t.diagnostic(`${kills} kills of ${runs} runs`);
  });
}
