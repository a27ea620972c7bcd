/** `comet reproduce` on an experiment of a few steps: it ends, goes on after anything, and refuses what would mislead. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { list } from "tar";
import type { Result } from "../../src/experiments/result.js";
import { isLocked } from "../../src/files/lock.js";
import { smallExperiment } from "../experiments/small-experiment.js";

const main = fileURLToPath(new URL("../../src/cli/main.js", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "comet-reproduce-"));
const experiments = join(folder, "experiments");

before(() => {
  mkdirSync(experiments);
  const { smoke, ...scales } = smallExperiment.scales;
  const own = { ...smoke, checkpointEvery: 2, seeds: [1] };
  put("small", { scales: { ...scales, smoke: own } });
  put("other", { scales: { ...scales, smoke: { ...own, classes: 7 } } });
});

after(() => rmSync(folder, { recursive: true }));

function put(name: string, changes: object): void {
  writeFileSync(join(experiments, `${name}.json`), JSON.stringify({ ...smallExperiment, ...changes, name }));
}

const argumentsFor = (out: string, more: readonly string[]) => [
  ...["reproduce", "small", "--experiments", experiments, "--out", join(folder, out), "--jobs", "2"],
  ...more,
];

function reproduce(out: string, ...more: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...argumentsFor(out, more)], {
    encoding: "utf8",
  });
  return { status, stdout, stderr };
}

const runsOf = (out: string) => readdirSync(join(folder, out, "runs")).sort();

const resultOf = (out: string) => JSON.parse(readFileSync(join(folder, out, "small.json"), "utf8")) as Result;

/** What must be equal, whoever computed it and however often it was interrupted. */
const found = (out: string) =>
  resultOf(out).runs.map(({ label, seed, key, weights, testAccuracy, status }) => [
    ...[label, seed, key, weights, testAccuracy, status],
  ]);

test("an experiment runs to its result, and a second time only reads what is there", () => {
  const first = reproduce("whole");
  assert.equal(first.status, 0, first.stderr);
  const { claim, words, seeds, machine, figures, notices } = resultOf("whole");
  assert.equal(claim.source, "recalled");
  assert.match(words.join(), /“COMET” differs from that of “plain”/);
  assert.deepEqual([seeds, notices], [[1], []]);
  assert.ok(machine.cores > 0);
  const page = readFileSync(join(folder, "whole", "small.html"), "utf8");
  assert.match(page, /as recalled/);
  const files = readdirSync(join(folder, "whole", "small"));
  for (const { name } of figures) {
    for (const end of ["-light.svg", "-dark.svg", ".csv"]) assert.ok(files.includes(`${name}${end}`), name);
    assert.match(page, new RegExp(`figure-${name}`));
  }
  const [runs, before] = [runsOf("whole"), found("whole")];
  assert.equal(runs.length, 2);
  const again = reproduce("whole");
  assert.equal(again.status, 0, again.stderr);
  assert.doesNotMatch(again.stderr, /seed/);
  assert.deepEqual([runsOf("whole"), found("whole")], [runs, before]);
  const list = reproduce("whole", "--list");
  assert.equal(list.stdout.match(/done/g)!.length, 2);
});

for (const [out, who] of [
  ["killed", "the pool and its processes"],
  ["orphaned", "the pool alone"],
] as const) {
  test(`what kill -9 of ${who} interrupts goes on to the same weights`, async () => {
    const child = spawn(process.execPath, [main, ...argumentsFor(out, [])], {
      detached: true,
      stdio: "ignore",
    });
    const begun = () => {
      try {
        return runsOf(out).some((id) =>
          readdirSync(join(folder, out, "runs", id, "checkpoints")).some((name) => name.endsWith("batch2")),
        );
      } catch {
        return false;
      }
    };
    while (!begun() && child.exitCode === null) await setTimeout(5);
    process.kill(out === "killed" ? -child.pid! : child.pid!, "SIGKILL");
    await new Promise((resolve) => child.once("close", resolve));
    // They end one after another; without a pool, each writes its checkpoint first.
    for (let free = 0; free < 50; free++) {
      if (runsOf(out).some((id) => isLocked(join(folder, out, "runs", id, "lock")))) free = 0;
      await setTimeout(10);
    }
    const again = reproduce(out);
    assert.equal(again.status, 0, again.stderr);
    assert.deepEqual(found(out), found("whole"));
  });
}

test("another command in the same folder takes no run from the first one", async () => {
  const begin = (name: string) => {
    const [, , ...rest] = argumentsFor("shared", []);
    const child = spawn(process.execPath, [main, "reproduce", name, ...rest, "--jobs", "1"], {
      stdio: "ignore",
    });
    return { child, ended: new Promise<number | null>((resolve) => child.once("close", resolve)) };
  };
  put("third", {
    scales: { ...smallExperiment.scales, smoke: { ...smallExperiment.scales.smoke, seeds: [3] } },
  });
  const first = begin("small");
  const begun = () => {
    try {
      return runsOf("shared").length > 0;
    } catch {
      return false;
    }
  };
  while (!begun() && first.child.exitCode === null) await setTimeout(5);
  const second = begin("third");
  assert.deepEqual(await Promise.all([first.ended, second.ended]), [0, 0]);
  assert.deepEqual(found("shared"), found("whole"));
  assert.deepEqual(
    readdirSync(join(folder, "shared")).filter((name) => name.startsWith("plan")),
    [],
  );
});

test("of two commands that begin together, one computes each run", async () => {
  const begin = () => {
    const child = spawn(process.execPath, [main, ...argumentsFor("twins", [])], { stdio: "ignore" });
    return new Promise<number | null>((resolve) => child.once("close", resolve));
  };
  await Promise.all([begin(), begin()]);
  assert.equal(runsOf("twins").length, 2);
  assert.equal(reproduce("twins").status, 0);
  assert.deepEqual(found("twins"), found("whole"));
});

test("a measurement that fails or prints no JSON is told, and the command fails", () => {
  const measurement = (label: string, command: string[]) => ({ label, command });
  const measurements = [
    measurement("mistyped", ["memory", "--modle", "resnet8"]),
    measurement("no JSON", ["memory", "--help"]),
  ];
  const { smoke } = smallExperiment.scales;
  put("measured", { scales: { ...smallExperiment.scales, smoke: { ...smoke, seeds: [1], measurements } } });
  const [, , ...rest] = argumentsFor("whole", []);
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, "reproduce", "measured", ...rest], {
    encoding: "utf8",
  });
  assert.equal(status, 1);
  assert.match(stdout, /“mistyped” has not been measured/);
  assert.match(stderr, /“measured: no JSON” was measured and not kept: .*add --json/);
  assert.doesNotMatch(stderr, /\n {4}at /, "no stack");
});

test("a full disk loses nothing", () => {
  // 64 KiB hold the first records and not the weights. Node itself writes no larger files.
  const command = `ulimit -f 128; exec "${process.execPath}" "${main}" ${argumentsFor("full", [])
    .map((part) => `"${part}"`)
    .join(" ")}`;
  const { status, stderr } = spawnSync("sh", ["-c", command], { encoding: "utf8" });
  assert.equal(status, 1, stderr);
  assert.match(stderr, /DiskError: .*the same command again/);
  const again = reproduce("full");
  assert.equal(again.status, 0, again.stderr);
  assert.deepEqual(found("full"), found("whole"));
});

test("runs in other folders are adopted, and a folder is never mixed with runs of other code", () => {
  const adopted = reproduce("adopted", "--adopt", join(folder, "whole", "runs"));
  assert.equal(adopted.status, 0, adopted.stderr);
  assert.deepEqual([runsOf("adopted"), found("adopted")], [[], found("whole")]);
  const manifest = join(folder, "killed", "runs", runsOf("killed")[0]!, "manifest.json");
  writeFileSync(manifest, readFileSync(manifest, "utf8").replace(/"code": "\w+"/, '"code": "0ther"'));
  const refused = reproduce("killed");
  assert.equal(refused.status, 1);
  assert.match(refused.stderr, /DataError: .*expected a run of this code, \w+.*got one of 0ther.*--any-code/);
  const counted = reproduce("killed", "--any-code");
  assert.equal(counted.status, 0, counted.stderr);
  assert.match(resultOf("killed").notices.join(), /Other code than this result’s computed these runs/);
});

test("data with other classes than the experiment needs is refused", () => {
  const { status, stderr } = reproduce("whole", "other");
  assert.equal(status, 1);
  assert.match(stderr, /expected 7 classes, which experiment other needs at scale smoke, got 10/);
  const paper = reproduce("paper", "--scale", "paper");
  assert.match(
    paper.stderr,
    /experiment small, scale paper: expected --data, a folder of images with 1000 classes/,
  );
});

test("a result can be written before its runs have ended, and says so", () => {
  const { status, stderr } = reproduce("early", "--no-run");
  assert.equal(status, 1, stderr);
  assert.deepEqual(runsOf("early"), []);
  assert.match(
    resultOf("early").notices.join(),
    /have not ended and are left out: plain, seed 1; COMET, seed 1/,
  );
});

test("kept runs give the same results as those that they are copies of", () => {
  const keeping = reproduce("kept", "--adopt", join(folder, "whole"), "--keep-runs");
  assert.equal(keeping.status, 0, keeping.stderr);
  const kept = () => runsOf("kept").map((id) => readdirSync(join(folder, "kept", "runs", id)).sort());
  assert.deepEqual(kept(), [
    ["manifest.json", "metrics.jsonl.gz"],
    ["manifest.json", "metrics.jsonl.gz"],
  ]);
  assert.match(
    reproduce("kept", "--adopt", join(folder, "whole"), "--keep-runs").stderr,
    /0 runs were copied/,
  );
  const again = reproduce("kept");
  assert.equal(again.status, 0, again.stderr);
  assert.deepEqual(found("kept"), found("whole"));
  const { tables, words, figures } = resultOf("whole");
  const copies = resultOf("kept");
  assert.deepEqual([copies.tables, copies.words, copies.figures], [tables, words, figures]);
  // The first command copied what it counted, and its result names the copies.
  for (const { path } of copies.runs) assert.match(path!, /kept.runs/);
  const records = join(folder, "kept", "runs", runsOf("kept")[0]!, "metrics.jsonl.gz");
  writeFileSync(records, readFileSync(records).subarray(0, 100));
  assert.match(reproduce("kept").stderr, /DataError: .*metrics\.jsonl\.gz: expected a run's records/);
});

test("kept measurements need not be measured again", () => {
  const { smoke } = smallExperiment.scales;
  const command = [
    "memory",
    "--model",
    "lenet",
    "--data",
    "random",
    "--batch",
    "2",
    "--steps",
    "1",
    "--store",
    "plain",
    "--json",
  ];
  const measurements = [{ label: "weighed", command }];
  put("weighed", { scales: { ...smallExperiment.scales, smoke: { ...smoke, seeds: [1], measurements } } });
  const weighed = (out: string, ...more: string[]) => {
    const [, , ...rest] = argumentsFor(out, ["--adopt", join(folder, "whole"), ...more]);
    return spawnSync(process.execPath, [main, "reproduce", "weighed", ...rest], { encoding: "utf8" });
  };
  const first = weighed("measured");
  assert.equal(first.status, 0, first.stderr);
  const keeping = weighed("light", "--adopt", join(folder, "measured"), "--no-run", "--keep-runs");
  assert.equal(keeping.status, 0, keeping.stdout + keeping.stderr);
  const again = weighed("light", "--no-run");
  assert.equal(again.status, 0, again.stdout + again.stderr);
});

test("a result is not replaced by one that has lost its runs", () => {
  assert.equal(reproduce("thin", "--adopt", join(folder, "whole")).status, 0);
  const before = resultOf("thin");
  const { status, stderr } = reproduce("thin", "--no-run");
  assert.equal(status, 1);
  assert.match(
    stderr,
    /small\.json stays as it is, since .* lose its runs plain, seed 1; COMET, seed 1; .*--adopt/,
  );
  assert.deepEqual(resultOf("thin"), before);
});

test("a bundle holds pages, figures, and of each run its manifest and records", async () => {
  const bundle = join(folder, "results.tar.gz");
  const { status, stdout, stderr } = reproduce("whole", "--no-run", "--bundle", bundle);
  assert.equal(status, 0, stderr);
  assert.match(stdout, /with 2 runs/);
  const names: string[] = [];
  await list({ file: bundle, onReadEntry: ({ path }) => names.push(path) });
  const [run] = runsOf("whole");
  for (const name of [
    "results/index.html",
    "results/small.json",
    "results/small/captions.md",
    `results/runs/${run}/manifest.json`,
    `results/runs/${run}/metrics.jsonl.gz`,
  ]) {
    assert.ok(names.includes(name), name);
  }
  assert.ok(!names.some((name) => name.includes("checkpoints")));
});

test("what contradicts itself or replaces other results is refused before anything runs", () => {
  const refusals: [string[], RegExp][] = [
    [["--no-run", "--on", "slurm"], /--no-run: expected it without --on slurm/],
    [["--adopt", join(folder, "nowhere")], /--adopt: expected a folder of runs.*nowhere, which is none/],
    [["--jobs", "1.5"], /whole number above 0/],
    [
      ["--scale", "laptop"],
      /--out: expected a folder for results of scale laptop, got .*small at scale smoke/,
    ],
  ];
  for (const [more, message] of refusals) {
    const { status, stderr } = reproduce("whole", ...more);
    assert.equal(status, 1, String(more));
    assert.match(stderr, message);
  }
  const dry = reproduce("dry", "--dry-run");
  assert.match(dry.stdout, /missing/);
  assert.throws(() => runsOf("dry"), /ENOENT/);
});

test("a finished run whose records were cut is an error, and no figure", () => {
  const run = join(folder, "adopted", "runs");
  mkdirSync(run, { recursive: true });
  cpSync(join(folder, "whole", "runs"), run, { recursive: true });
  const metrics = join(run, runsOf("adopted")[0]!, "metrics.jsonl");
  writeFileSync(metrics, readFileSync(metrics, "utf8").slice(0, 700));
  const { status, stderr } = reproduce("adopted");
  assert.equal(status, 1);
  assert.match(stderr, /metrics\.jsonl: expected the records of \d+ steps, .*got those of \d/);
});

test("data with other names of classes than the experiment needs is refused", () => {
  const { smoke } = smallExperiment.scales;
  put("named", {
    scales: { ...smallExperiment.scales, smoke: { ...smoke, classNames: ["cassette player"] } },
  });
  const [, , ...rest] = argumentsFor("named", ["--list"]);
  const { status, stderr } = spawnSync(process.execPath, [main, "reproduce", "named", ...rest], {
    encoding: "utf8",
  });
  assert.equal(status, 1);
  assert.match(stderr, /expected the classes cassette player, which experiment named needs/);
});

test("a queue that cannot be asked ends a submission, and a local command says so", () => {
  const [jobs, tools] = [join(folder, "asked", "slurm", "before"), join(folder, "tools")];
  for (const path of [jobs, tools]) mkdirSync(path, { recursive: true });
  writeFileSync(join(jobs, "jobs.json"), '["7"]');
  writeFileSync(join(tools, "squeue"), "#!/bin/sh\necho 'squeue: Socket timed out' >&2; exit 1\n", {
    mode: 0o755,
  });
  const asked = (...more: string[]) =>
    spawnSync(process.execPath, [main, ...argumentsFor("asked", more)], {
      encoding: "utf8",
      env: { ...process.env, PATH: `${tools}:/bin` },
    });
  const submission = asked("--on", "slurm", "--dry-run");
  assert.equal(submission.status, 1);
  assert.match(submission.stderr, /squeue: expected Slurm to accept it, got .*timed out/);
  assert.match(asked("--no-run").stderr, /whether jobs 7 still run is not known/);
});

test("the runs can be a job array of Slurm", () => {
  const { status, stdout, stderr } = reproduce("array", "--on", "slurm", "--dry-run", "--time", "60");
  assert.equal(status, 0, stderr);
  assert.match(
    stdout,
    /^#!\/bin\/bash\n[\s\S]*--job-name=comet-reproduce\n[\s\S]*--array=0-1\n[\s\S]*--time=60\n/,
  );
});
