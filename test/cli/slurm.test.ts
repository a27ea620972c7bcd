/**
 * A sweep as a job array of a real Slurm, set up on this machine for the test: however its tasks are killed, requeued or
 * warned, the collected results have the bits of a local sweep. Skipped where Slurm is not installed or the user is not root.
 */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { smallExperiment } from "../experiments/small-experiment.js";

const main = fileURLToPath(new URL("../../src/cli/main.js", import.meta.url));
const cluster = fileURLToPath(new URL("../../../test/cli/slurm/cluster.sh", import.meta.url));

function missing(): string | false {
  const absent = ["slurmctld", "slurmd", "sbatch", "munged"].filter(
    (name) => spawnSync("sh", ["-c", `command -v ${name}`]).status !== 0,
  );
  if (absent.length > 0) return `no ${absent.join(", ")} here; apt-get install slurm-wlm munge`;
  return process.getuid?.() === 0 ? false : "a Slurm of one's own needs root";
}

const skip = missing();
const folder = mkdtempSync(join(tmpdir(), "comet-slurm-"));
// The daemon of munge is another user and must reach its key.
chmodSync(folder, 0o755);
const home = join(folder, "cluster");
const env = { ...process.env, SLURM_CONF: join(home, "slurm.conf") };

before(() => {
  if (!skip) execFileSync("bash", [cluster, "start", home], { stdio: ["ignore", "ignore", "inherit"] });
});

after(() => {
  if (!skip) execFileSync("bash", [cluster, "stop", home]);
  rmSync(folder, { recursive: true, force: true });
});

const comet = (...args: string[]) =>
  spawnSync(process.execPath, [main, "sweep", ...args], { encoding: "utf8", env });

const slurm = (command: string, ...args: string[]) =>
  execFileSync(command, args, { encoding: "utf8", env }).trim();

const sweepFile = (name: string, grid: object): string => {
  const settings = { model: "lenet", batch: 32, steps: 200, memory: "64MiB" };
  const file = join(folder, `${name}.json`);
  writeFileSync(file, JSON.stringify({ name, data: "fashion-mnist", settings, grid, checkpointEvery: 5 }));
  return file;
};

const read = (out: string, name: string, file: string): string =>
  readFileSync(join(folder, out, name, file), "utf8");

/** Checks every 0.1 s, for at most `seconds`. */
async function until(what: string, seconds: number, holds: () => boolean): Promise<void> {
  for (let i = 0; i < 10 * seconds; i++) {
    if (holds()) return;
    await setTimeout(100);
  }
  const logs = spawnSync("sh", ["-c", `tail -n 5 ${folder}/*/*/logs/* ${home}/*.log; squeue`], {
    encoding: "utf8",
    env,
  });
  assert.fail(`${what} did not come\n${logs.stdout}`);
}

/** The runs with a checkpoint. */
const checkpointed = (out: string, name: string): string[] => {
  const runs = join(folder, out, name, "runs");
  try {
    return readdirSync(runs).filter((id) => readdirSync(join(runs, id, "checkpoints")).length > 0);
  } catch {
    return [];
  }
};

const queue = (): string[] =>
  slurm("squeue", "-h", "-r", "-o", "%K %T")
    .split("\n")
    .filter((line) => line !== "");

test("an array of which tasks are killed, requeued and warned ends with the bits of a local sweep", {
  skip,
}, async () => {
  const file = sweepFile("six", { share: [0.005, 0.01, 0.05], seed: [1, 2] });
  const local = comet(file, "--out", join(folder, "local"));
  assert.equal(local.status, 0, local.stderr);
  const there = ["--out", join(folder, "slurm")];
  const submitted = comet(file, "--on", "slurm", "--time", "10", ...there);
  const [, job] = /submitted job (\d+) with 6 tasks/.exec(submitted.stderr)!;
  await until("two checkpoints", 60, () => checkpointed("slurm", "six").length >= 2);
  const running = queue()
    .filter((line) => line.endsWith("RUNNING"))
    .map((line) => line.split(" ")[0]!);
  assert.ok(running.length >= 1, queue().join("; "));
  slurm("scancel", "--signal=KILL", "--full", `${job}_${running[0]}`);
  if (running.length > 1) slurm("scontrol", "requeue", `${job}_${running[1]}`);
  assert.match(comet("status", file, ...there).stderr, /keeps no accounting/);
  // What Slurm sends shortly before the time limit.
  await until("a further task", 60, () =>
    queue().some((line) => line.endsWith("RUNNING") && !running.includes(line.split(" ")[0]!)),
  );
  await until("its checkpoint", 60, () => checkpointed("slurm", "six").length >= 3);
  const warned = queue().find((line) => line.endsWith("RUNNING") && !running.includes(line.split(" ")[0]!));
  if (warned) spawnSync("scancel", ["--signal=USR1", "--batch", `${job}_${warned.split(" ")[0]}`], { env });
  await until("the end of the array", 300, () => queue().length === 0);
  const early = comet("collect", file, ...there);
  assert.equal(early.status, 1);
  assert.match(early.stderr, /1 runs have not ended/);
  assert.match(comet("retry", file, "--on", "slurm", ...there).stderr, /submitted job \d+ with 1 tasks/);
  await until("the end of the retry", 120, () => queue().length === 0);
  const whole = comet("collect", file, ...there);
  assert.equal(whole.status, 0, whole.stderr);
  assert.equal(read("slurm", "six", "results.json"), read("local", "six", "results.json"));
  const origins = Object.values(
    JSON.parse(read("slurm", "six", "origins.json")) as Record<string, { resumed: object[] }>,
  );
  const resumed = origins.filter((origin) => origin.resumed.length > 0).length;
  assert.ok(
    resumed >= Math.min(3, running.length + (warned ? 1 : 0)),
    `${resumed} tasks went on from a checkpoint`,
  );
  assert.match(comet("retry", file, "--on", "slurm", ...there).stderr, /every run is done/);
});

test("a cancelled sweep keeps its checkpoints, waits twice for nothing, and goes on", { skip }, async () => {
  const file = sweepFile("two", { seed: [7, 8] });
  const there = ["--out", join(folder, "slurm")];
  comet(file, "--on", "slurm", ...there);
  assert.match(comet(file, "--on", "slurm", ...there).stderr, /2 tasks wait or run; nothing else is left/);
  await until("a checkpoint", 60, () => checkpointed("slurm", "two").length >= 1);
  assert.match(comet("cancel", file, ...there).stderr, /told \d tasks to end/);
  await until("the end of the job", 60, () => queue().length === 0);
  assert.doesNotMatch(comet("status", file, ...there).stdout, /busy|failed/);
  const local = comet(file, ...there);
  assert.equal(local.status, 0, local.stderr);
  assert.equal((JSON.parse(read("slurm", "two", "results.json")) as { runs: object[] }).runs.length, 2);
});

test("the runs of an experiment may be an array too; the same command then finds them", {
  skip,
}, async () => {
  const experiments = join(folder, "experiments");
  mkdirSync(experiments);
  writeFileSync(join(experiments, "small.json"), JSON.stringify({ ...smallExperiment, name: "small" }));
  const reproduce = (...args: string[]) =>
    spawnSync(
      process.execPath,
      [main, "reproduce", "small", "--experiments", experiments, "--out", join(folder, "results"), ...args],
      { encoding: "utf8", env },
    );
  assert.match(reproduce("--on", "slurm").stdout, /submitted job \d+ with 4 tasks/);
  assert.match(reproduce("--on", "slurm").stdout, /nothing to submit; [1-4] tasks wait or run|submitted job/);
  await until("the end of the array", 120, () => queue().length === 0);
  const { status, stdout, stderr } = reproduce();
  assert.equal(status, 0, stderr);
  assert.doesNotMatch(stderr, /seed/, "nothing is left to run");
  assert.match(stdout, /over 2 common seeds/);
});
