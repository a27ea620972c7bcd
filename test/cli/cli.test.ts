/** The command line as a user meets it: a process, its output, its files, its errors. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { createRng } from "../../src/rng.js";
import type { Manifest } from "../../src/runs/manifest.js";
import { readRun } from "../../src/runs/run.js";

const main = fileURLToPath(new URL("../../src/cli/main.js", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "comet-cli-"));
after(() => rmSync(folder, { recursive: true, force: true }));

function comet(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], {
    encoding: "utf8",
    timeout: 120_000,
  });
  return { status, stdout, stderr };
}

const quick = ["--model", "lenet", "--steps", "4", "--batch", "32", "--threads", "1"];

test("a run leaves a manifest, metrics and a report, and --json prints one line", () => {
  const { status, stdout, stderr } = comet("train", ...quick, "--out", join(folder, "runs"), "--json");
  assert.equal(status, 0, stderr);
  const result = JSON.parse(stdout) as { path: string; report: string; weights: string };
  const { manifest, records } = readRun(result.path);
  assert.equal(manifest.status, "done");
  assert.equal(manifest.weights, result.weights);
  assert.equal(manifest.settings.seed, 1);
  assert.equal(records.filter(({ kind }) => kind === "step").length, 4);
  assert.ok(readFileSync(result.report, "utf8").startsWith("<!doctype html>"));
});

const fusing = ["--profile", "fused", ...quick, "--steps", "1"];

test("the fused profile runs and says so in manifest and result, or is refused; it is never replaced", (t) => {
  const { status, stdout, stderr } = comet("train", ...fusing, "--out", join(folder, "fused"), "--json");
  if (status !== 0) {
    t.diagnostic("this machine does not fuse");
    assert.match(stderr, /profile fused: expected relaxed SIMD .*; use the strict profile/);
    return;
  }
  const { path, profile } = JSON.parse(stdout) as { path: string; profile: string };
  const { manifest } = readRun(path);
  assert.deepEqual([profile, manifest.profile, manifest.settings.profile], ["fused", "fused", "fused"]);
  assert.equal(manifest.threads, 1);
});

test("a processor that rounds products on their own is refused the fused profile", {
  skip: process.arch === "x64" ? false : "only x64 processors come with and without multiply-add",
}, () => {
  const out = join(folder, "unfused");
  const { status, stderr } = spawnSync(
    process.execPath,
    ["--no-enable-fma3", main, "train", ...fusing, "--out", out],
    { encoding: "utf8" },
  );
  assert.equal(status, 1);
  assert.match(stderr, /profile fused: expected relaxed SIMD .*, got separate roundings; use the strict/);
  assert.ok(!existsSync(out), "refused before anything is written");
});

test("a run under a budget says beforehand what it will save, and how noisy it will be", () => {
  const out = join(folder, "budget");
  const args = ["train", ...quick, "--policy", "budget", "--saved-bytes", "1.5MiB", "--out", out];
  const { status, stderr } = comet(...args);
  assert.equal(status, 0, stderr);
  assert.match(
    stderr,
    /^comet: expects to save \S+ [KM]iB of 1.50 MiB \(the least possible is \S+ [KM]iB\) at a relative gradient noise of \S+ % \(policy law: \S+ %\)$/m,
  );
  assert.match(readdirSync(out)[0]!, /-comet-budget-s1-/);
});

test("comet report compares runs that are there", () => {
  const runs = readdirSync(join(folder, "runs")).map((name) => join(folder, "runs", name));
  const file = join(folder, "both.html");
  const { status, stderr } = comet("report", runs[0]!, runs[0]!, "--out", file);
  assert.equal(status, 0, stderr);
  assert.ok(existsSync(file));
});

/** The lines of a help's options, each with what was wrapped below it. */
function optionLines(help: string): string[] {
  const from = help.indexOf("Options:\n") + "Options:\n".length;
  return help
    .slice(from, help.indexOf("\n\n", from))
    .split(/\n(?= {2}-)/)
    .map((line) => line.replace(/\s+/g, " ").trim())
    .filter((line) => !line.startsWith("-h, --help"));
}

test("every option of a training run and of fetching has a help line with an example", () => {
  for (const [command, least] of [
    [["train"], 30],
    [["data", "cifar10"], 2],
  ] as const) {
    const lines = optionLines(comet(...command, "--help").stdout);
    assert.ok(lines.length >= least, `${lines.length} options`);
    for (const line of lines) {
      const flag = /--[\w-]+/.exec(line)![0];
      assert.match(line, new RegExp(`^${flag}\\b.* \\w+.*\\(e\\.g\\. .*${flag}\\b`));
    }
  }
  const policy = optionLines(comet("train", "--help").stdout).find((line) => line.startsWith("--policy"));
  assert.match(policy!, /choices: "law", "spread", "budget", "paper", "fixed"/);
});

test("every command has a help with an example, every option a line", () => {
  const { stdout } = comet("--help");
  const commands = [...stdout.matchAll(/^ {2}(\w+)[ |]/gm)]
    .map((match) => match[1]!)
    .filter((name) => name !== "help");
  for (const name of ["demo", "train", "evaluate", "report", "data", "compress", "decompress", "inspect"]) {
    assert.ok(commands.includes(name), name);
  }
  const help = comet("train", "--help").stdout;
  assert.match(help, /Example:\n {2}comet train/);
  const options = [
    "model",
    "data",
    "store",
    "policy",
    "epochs",
    "batch",
    "lr",
    "seed",
    "memory",
    "threads",
    "out",
    "json",
  ];
  for (const option of options) assert.match(help, new RegExp(`--${option}\\b.* \\S`));
});

const someFile = fileURLToPath(import.meta.url);

const failures: readonly [title: string, args: string[], message: RegExp][] = [
  ["a mistyped option", ["train", "--epoch", "2"], /unknown option '--epoch'.*\n.*--epochs/],
  ["a mistyped command", ["trian"], /unknown command 'trian'.*\n.*train/],
  [
    "an unknown model",
    ["train", "--model", "resnet21"],
    /--model: expected one of .* got "resnet21"; did you mean resnet20/,
  ],
  ["an unknown data set", ["train", "--data", "cifra10"], /--data: .*got "cifra10"; did you mean cifar10/],
  ["a mistyped store", ["train", "--store", "comte"], /--store <name>.*comte.*did you mean comet\?/],
  [
    "a mistyped policy",
    ["train", "--policy", "lwa"],
    /--policy .*did you mean law\? Known are law, spread, budget, paper, fixed/,
  ],
  ["a mistyped schedule", ["train", "--schedule", "cosin"], /--schedule .*did you mean cosine\?/],
  ["a mistyped quantizer", ["train", "--quantizer", "ditherd"], /--quantizer .*did you mean dithered\?/],
  ["a mistyped mode", ["train", "--mode", "desne"], /--mode .*did you mean dense\?/],
  ["a mistyped profile", ["train", "--profile", "fsued"], /--profile .*did you mean fused\?/],
  ["a mode like none", ["train", "--mode", "zzzzzzzz"], /--mode .*use one of auto, fast, dense/],
  ["a mistyped source", ["data", "cifar10", "--source", "nmp"], /--source .*did you mean npm\?/],
  [
    "half a pixel",
    ["train", "--image", "32.5"],
    /--image: expected a whole number of pixels.*got 32.5; give/,
  ],
  ["an image of none", ["train", "--image", "0"], /--image: expected a whole number of pixels.*got 0; give/],
  [
    "no thread",
    ["train", "--threads", "0"],
    /--threads: expected a whole number of at least 1, got 0; give for example 2/,
  ],
  ["batch 0", ["train", "--batch", "0"], /--batch: expected a whole number of at least 1, got 0; give/],
  ["a learning rate that is no number", ["train", "--lr", "NaN"], /--lr.*It is not a number/],
  [
    "an infinite learning rate",
    ["train", "--lr", "Infinity"],
    /--lr: expected a finite number.*got Infinity/,
  ],
  [
    "a bound of 0",
    ["train", "--policy", "fixed", "--bound", "0"],
    /--bound: expected a finite number above 0, got 0/,
  ],
  ["a bound that is no number", ["train", "--bound", "x"], /--bound.*It is not a number/],
  [
    "a memory that is none",
    ["train", "--memory", "lots"],
    /--memory: expected an amount of bytes, got lots; give/,
  ],
  [
    "a memory that is too small",
    ["train", ...quick, "--memory", "1MiB"],
    /expected .* more of the device's 1.00 MiB, got .*live: .*; use a smaller/,
  ],
  [
    "a budget that is no amount",
    ["train", "--policy", "budget", "--saved-bytes", "lots"],
    /--saved-bytes: expected an amount of bytes above 0, got lots; give for example 512MiB/,
  ],
  [
    "a budget below the least that fits",
    ["train", ...quick, "--policy", "budget", "--saved-bytes", "1KiB"],
    /--policy budget: expected at least .*iB for what this batch saves.*, got 1.00 KiB; give more --saved-bytes/,
  ],
  ["a report of no run", ["report", join(tmpdir(), "no such run")], /expected a run's file, got ENOENT/],
  [
    "missing weights",
    ["evaluate", join(tmpdir(), "none.safetensors"), "--model", "lenet"],
    /none\.safetensors: expected/,
  ],
  [
    "a missing file to compress",
    ["compress", join(tmpdir(), "none.npy"), "-o", "x.cmt", "--bound", "1e-3"],
    /none\.npy: expected a file that can be read, got ENOENT; check the path/,
  ],
  [
    "a place that cannot be written",
    [
      "compress",
      someFile,
      "--shape",
      "1",
      "-o",
      join(tmpdir(), "no such folder", "x.cmt"),
      "--bound",
      "1e-3",
    ],
    /x\.cmt: expected a file that can be written, got ENOENT: no such file or directory; make .*no such folder a writable/,
  ],
];

for (const [title, args, message] of failures) {
  test(`${title} is an error that says what to do`, () => {
    const { status, stderr } = comet(...args, ...(args[0] === "train" ? ["--out", join(folder, "bad")] : []));
    assert.equal(status, 1, stderr);
    assert.match(stderr, message);
    assert.doesNotMatch(stderr, /\n {4}at /, "a stack trace");
  });
}

test("a large tensor that hardly compresses comes back within its bound", () => {
  const [raw, packed, back] = ["x.f32", "x.cmt", "y.f32"].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  const rng = createRng(1);
  const x = Float32Array.from({ length: 400_000 }, () => rng.uniform());
  writeFileSync(raw, new Uint8Array(x.buffer));
  for (const args of [
    ["compress", raw, "--shape", "400,1000", "-o", packed, "--bound", "1e-6"],
    ["decompress", packed, "-o", back],
    ["inspect", packed],
  ]) {
    const { status, stderr } = comet(...args);
    assert.equal(status, 0, stderr);
  }
  const bytes = readFileSync(back);
  const y = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
  assert.ok(x.every((value, i) => Math.abs(value - y[i]!) < 1e-6));
});

test("a folder that cannot be written to is an error", () => {
  const file = join(folder, "a file");
  writeFileSync(file, "");
  chmodSync(file, 0o444);
  const { status, stderr } = comet("train", ...quick, "--out", file);
  assert.equal(status, 1);
  assert.match(stderr, /--out: expected a folder that can be written to, got .*a file/);
});

test("fetching to a place where nothing can be made is an error, not a wait", () => {
  if (!existsSync("/proc/self")) return;
  const { status, stderr } = comet("data", "cifar10", "--out", "/proc/comet");
  assert.equal(status, 1, stderr);
  assert.match(stderr, /\/proc\/comet: expected data_batch_1.bin.*got archive: .*mkdir/);
});

test("a diverging run fails with the step and the layer, and keeps its files", () => {
  const out = join(folder, "diverged");
  const { status, stderr } = comet("train", ...quick, "--lr", "1e30", "--out", out);
  assert.equal(status, 1);
  assert.match(stderr, /NumericError: step \d+: expected a finite loss/);
  const run = readRun(join(out, readdirSync(out)[0]!));
  assert.equal(run.manifest.status, "failed");
  assert.match(run.manifest.error!, /first non-finite value/);
  assert.ok(run.records.length > 0);
});

test("Ctrl-C ends a run after the step under way, with what was done on disk", async () => {
  const out = join(folder, "interrupted");
  const child = spawn(process.execPath, [
    main,
    "train",
    "--model",
    "lenet",
    "--threads",
    "1",
    "--epochs",
    "5",
    "--out",
    out,
  ]);
  const closed = new Promise<number | null>((resolve) => child.once("close", resolve));
  const metrics = () =>
    existsSync(out)
      ? readdirSync(out)
          .map((name) => join(out, name, "metrics.jsonl"))
          .filter(existsSync)
      : [];
  while (!metrics().some((file) => readFileSync(file, "utf8").split("\n").length > 5)) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  child.kill("SIGINT");
  assert.equal(await closed, 130);
  const { manifest, records } = readRun(join(out, readdirSync(out)[0]!));
  const { status, steps, weights }: Manifest = manifest;
  assert.equal(status, "interrupted");
  assert.equal(records.filter(({ kind }) => kind === "step").length, steps);
  assert.match(weights!, /^[0-9a-f]{64}$/);
});
