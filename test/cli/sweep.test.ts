/** Sweeps as files, their cost, the script of their array, and a local one to its end. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { rangesOf, requestOf, scriptOf } from "../../src/cli/sweep/script.js";
import { planned } from "../experiments/small-experiment.js";

const main = fileURLToPath(new URL("../../src/cli/main.js", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "comet-sweep-"));
const file = join(folder, "small.json");

after(() => rmSync(folder, { recursive: true }));

writeFileSync(
  file,
  JSON.stringify({
    name: "small",
    data: "fashion-mnist",
    settings: { model: "lenet", batch: 8, steps: 4 },
    runs: [{ store: "plain" }, { store: "comet", share: 0.02 }],
  }),
);

const sweep = (...args: string[]) =>
  spawnSync(process.execPath, [main, "sweep", ...args, "--out", join(folder, "out")], {
    encoding: "utf8",
    // No command of Slurm is found.
    env: { ...process.env, PATH: "" },
  });

test("indices as Slurm takes them", () => {
  assert.equal(rangesOf([5, 0, 2, 1, 7, 8]), "0-2,5,7-8");
  assert.equal(rangesOf([3]), "3");
});

test("the script asks for the memory and the cores of its largest task, and quotes every path", () => {
  const runs = [planned({ memory: "512MiB" }), planned({ memory: "2GiB" }, 2)];
  assert.deepEqual(requestOf(runs), { memoryMiB: 2448, threads: 1 });
  assert.equal(requestOf(runs.slice(0, 1)).memoryMiB, 912);
  const options = {
    name: "mine",
    plan: "/a b/it's.json",
    logs: "/a b/logs",
    time: "1:00:00",
    partition: "long",
  };
  const script = scriptOf(runs, [1], { ...options, account: "", most: 7, warning: 90 });
  for (const line of [
    "--array=1%7",
    "--mem=2448M",
    "--cpus-per-task=1",
    "--time=1:00:00",
    "--partition=long",
    "--signal=B:USR1@90",
    "--requeue",
  ]) {
    assert.match(script, new RegExp(`^#SBATCH ${line}$`, "m"));
  }
  assert.doesNotMatch(script, /--account/);
  assert.ok(script.includes(`'/a b/it'\\''s.json'`));
  const { status, stderr } = spawnSync("bash", ["-n"], { input: script, encoding: "utf8" });
  assert.equal(status, 0, stderr);
});

test("a setting that is mistyped is named as the file has it, not as an option", () => {
  const mistyped = join(folder, "mistyped.json");
  writeFileSync(mistyped, JSON.stringify({ name: "m", data: "fashion-mnist", settings: { stps: 3 } }));
  const { status, stderr } = sweep(mistyped);
  assert.equal(status, 1);
  assert.match(
    stderr,
    /mistyped\.json: settings\.stps: expected the name of a setting \(did you mean steps\?/,
  );
});

test("a local sweep runs, collects, tells how it stands, and has nothing left", () => {
  const dry = sweep(file, "--dry-run");
  assert.match(dry.stdout, /^0: store=plain, 4 steps\n1: store=comet share=0\.02, 4 steps\n$/);
  assert.match(sweep("status", file).stderr, /expected a sweep that has begun/);
  const first = sweep(file);
  assert.equal(first.status, 0, first.stderr);
  const results = readFileSync(join(folder, "out", "small", "results.json"), "utf8");
  const { runs } = JSON.parse(results) as { runs: { label: string; steps: number; weights: string }[] };
  assert.deepEqual(
    runs.map(({ label, steps }) => [label, steps]),
    [
      ["store=plain", 4],
      ["store=comet share=0.02", 4],
    ],
  );
  for (const { weights } of runs) assert.match(weights, /^[0-9a-f]{64}$/);
  assert.match(sweep(file).stderr, /every run is done/);
  assert.equal(sweep("status", file).stdout.match(/4 of 4/g)!.length, 2);
  const again = sweep("collect", file);
  assert.equal(again.status, 0, again.stderr);
  assert.equal(readFileSync(join(folder, "out", "small", "results.json"), "utf8"), results);
  assert.match(sweep("cost", file, "--nodes", "1,1000").stdout, /│ +1000 │ +2 │/);
});

test("runs that would compute the same are refused", () => {
  const twins = join(folder, "twins.json");
  const grid = { store: ["plain"], share: [0.01, 0.02] };
  writeFileSync(
    twins,
    JSON.stringify({ name: "twins", data: "fashion-mnist", settings: { model: "lenet" }, grid }),
  );
  const { status, stderr } = sweep(twins);
  assert.equal(status, 1);
  assert.match(stderr, /“store=plain share=0\.01” and “store=plain share=0\.02”, which do not/);
});

test("without Slurm there is one clear error, and a dry run still prints the script", () => {
  const dry = sweep(file, "--on", "slurm", "--dry-run", "--out", join(folder, "else"));
  assert.match(dry.stdout + dry.stderr, /#SBATCH --array=0-1|every run is done/);
  writeFileSync(join(folder, "new.json"), readFileSync(file, "utf8").replace('"small"', '"new"'));
  const { status, stderr } = sweep(join(folder, "new.json"), "--on", "slurm");
  assert.equal(status, 1);
  assert.match(stderr, /expected Slurm's command sbatch|expected Slurm’s command sbatch/);
});
