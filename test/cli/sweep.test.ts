/** Sweeps as files, their cost, the script of their array, and a local one to its end. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
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
  assert.match(stderr, /Slurm: expected its command sbatch/);
});

test("while tasks wait, the runs that they will read by their numbers cannot change", () => {
  const tools = join(folder, "tools");
  mkdirSync(tools);
  // A queue in which run 1 waits, on a cluster that keeps no accounting and refuses to cancel.
  writeFileSync(join(tools, "squeue"), `#!/bin/sh\n[ -e '${tools}/empty' ] || echo '1|PENDING|Resources'\n`);
  writeFileSync(join(tools, "sbatch"), "#!/bin/sh\necho 7\n");
  writeFileSync(join(tools, "scancel"), "#!/bin/sh\necho 'scancel: error: Access denied' >&2; exit 1\n");
  for (const name of ["squeue", "sbatch", "scancel"]) chmodSync(join(tools, name), 0o755);
  const own = join(folder, "queued.json");
  const write = (shares: number[]) =>
    writeFileSync(
      own,
      JSON.stringify({
        ...{ name: "queued", data: "fashion-mnist", settings: { model: "lenet", store: "comet", steps: 4 } },
        grid: { share: shares },
      }),
    );
  const asked = (...args: string[]) =>
    spawnSync(process.execPath, [main, "sweep", ...args, "--out", join(folder, "out")], {
      encoding: "utf8",
      env: { ...process.env, PATH: `${tools}:/bin` },
    });
  write([0.01, 0.02]);
  assert.match(asked(own, "--on", "slurm").stderr, /submitted job 7 with 2 tasks/);
  write([0.005, 0.01, 0.02]);
  const refused = asked(own, "--on", "slurm");
  assert.equal(refused.status, 1);
  assert.match(refused.stderr, /queued\.json: expected the runs with which .* while 1 of its tasks wait/);
  const status = asked("status", own);
  assert.equal(status.status, 0, status.stderr);
  assert.match(status.stderr, /has changed since this sweep was begun[\s\S]*keeps no accounting/);
  assert.match(asked("cancel", own).stderr, /scancel: expected Slurm to accept it, got .*Access denied/);
  writeFileSync(join(tools, "empty"), "");
  assert.match(asked(own, "--on", "slurm", "--dry-run").stdout, /#SBATCH --array=0-2/);
});

test("a cost has a count of tasks and a time", () => {
  for (const [option, value, message] of [
    ["--per-node", "0", /whole number above 0/],
    ["--per-node", "1.5", /whole number above 0/],
    ["--start-seconds", "-1", /--start-seconds: expected a number of at least 0/],
  ] as const) {
    const { status, stderr } = sweep("cost", file, "--step-ms", "5", option, value);
    assert.equal(status, 1, option);
    assert.match(stderr, message);
  }
});
