/**
 * All blocks of docs/extending.md are applied to a copy of the sources: a store and a policy are a new file, its import and
 * one line in a list. After that, the copy compiles, and the command line treats the new names like all others: help,
 * checks, training, records, report and resume.
 */
import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { TrainRecord } from "../../src/training/records.js";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const page = readFileSync(join(root, "docs/extending.md"), "utf8");
const copy = mkdtempSync(join(tmpdir(), "comet-extending-"));
after(() => rmSync(copy, { recursive: true, force: true }));

/** What one block of the page does to one file. */
interface Edit {
  path: string;
  /** The text of a new file; null for a change. */
  text: string | null;
  /** Lines with their first character: " " is there, "+" is added, "-" goes. */
  lines: readonly string[];
}

const newFiles = [...page.matchAll(/```ts\n\/\/ (src\/\S+)\n([\s\S]*?)```/g)].map(
  ([, path, text]): Edit => ({ path: path!, text: text!, lines: [] }),
);
const changes = [...page.matchAll(/```diff\n--- (\S+)\n([\s\S]*?)\n```/g)].map(
  ([, path, lines]): Edit => ({ path: path!, text: null, lines: lines!.split("\n") }),
);

/** The text after a change, whose lines are found one after another. */
function changed({ path, lines }: Edit, text: string): string {
  const found = text.split("\n");
  let at = 0;
  for (const line of lines) {
    const rest = line.slice(1);
    if (line[0] === "+") found.splice(at++, 0, rest);
    else {
      const next = found.indexOf(rest, at);
      assert.notEqual(next, -1, `${path} has no line "${rest}" where the page says`);
      if (line[0] === "-") found.splice(next, 1);
      at = line[0] === "-" ? next : next + 1;
    }
  }
  return found.join("\n");
}

const runIn = promisify(execFile);
const tool = (path: string, ...args: string[]) =>
  runIn(process.execPath, [join(root, "node_modules", path), ...args], { cwd: copy });

before(async () => {
  for (const part of ["src", "assembly", "build", "test", "asconfig.json", "package.json", "tsconfig.json"])
    cpSync(join(root, part), join(copy, part), { recursive: true });
  symlinkSync(join(root, "node_modules"), join(copy, "node_modules"), "dir");
  for (const edit of [...newFiles, ...changes]) {
    const path = join(copy, edit.path);
    writeFileSync(path, edit.text ?? changed(edit, readFileSync(path, "utf8")));
  }
  const config = JSON.parse(readFileSync(join(copy, "tsconfig.json"), "utf8"));
  const include = ["src", "test/kernels/kernels.test.ts"];
  writeFileSync(join(copy, "tsconfig.json"), JSON.stringify({ ...config, include }));
  await Promise.all([
    tool("typescript/bin/tsc"),
    tool(
      "assemblyscript/bin/asc.js",
      ...["assembly/index.ts", "--target", "release", "--transform", "./assembly/transform.mjs"],
    ),
  ]).catch(({ stdout, stderr }) => assert.fail(`${stdout}${stderr}`));
});

/** Runs the copy's command line. */
function comet(...args: string[]) {
  const main = join(copy, "dist/src/cli/main.js");
  return spawnSync(process.execPath, [main, ...args], { cwd: copy, encoding: "utf8" });
}

interface Result {
  path: string;
  weights: string;
  status: string;
  report: string;
}

const small = ["--model", "lenet", "--batch", "32", "--threads", "1", "--out", "runs", "--json"];

function trained(...args: string[]): Result {
  const { status, stdout, stderr } = comet("train", ...args, "--json");
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout) as Result;
}

const recordsOf = ({ path }: Result): TrainRecord[] =>
  readFileSync(join(copy, path, "metrics.jsonl"), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as TrainRecord);

const reportOf = ({ report }: Result): string => readFileSync(join(copy, report), "utf8");

/** The lines that a change adds to a file. */
const added = (path: string): string[] =>
  changes
    .filter((change) => change.path === path)
    .flatMap(({ lines }) => lines.filter((line) => line[0] !== " ").map((line) => line.slice(1).trim()));

test("a store and a policy are one new file each, its import and one line", () => {
  assert.deepEqual(added("src/stores/registry.ts"), ['import { half } from "./half.js";', "half,"]);
  assert.deepEqual(added("src/comet/policies/registry.ts"), [
    'import { cautiousKind } from "./cautious.js";',
    "cautiousKind,",
  ]);
  const touched = [...newFiles, ...changes].map(({ path }) => path);
  assert.deepEqual(
    touched.filter((path) => /^src\/(stores|comet|training|runs|report|cli)\//.test(path)).sort(),
    [
      "src/comet/policies/cautious.ts",
      "src/comet/policies/registry.ts",
      "src/stores/half.ts",
      "src/stores/registry.ts",
    ],
  );
});

test("the help lists the new names and settings", () => {
  const { stdout } = comet("train", "--help");
  const help = stdout.replace(/\s+/g, " ");
  for (const text of [
    "half, the upper half of each value",
    "--least-values <n> store half keeps tensors of fewer values as they are (e.g. --store half --least-values 1000)",
    "cautious, the law's bounds divided by a number",
    "--caution <c> how many times tighter",
  ])
    assert.ok(help.includes(text), text);
});

test("what the settings do not accept is refused by name", () => {
  const tooBold = comet("train", ...small, "--policy", "cautious", "--caution", "0.5");
  assert.match(tooBold.stderr, /UsageError: --caution: expected a finite number of at least 1, got 0.5/);
  const unread = comet("train", ...small, "--policy", "law", "--caution", "2");
  assert.match(unread.stderr, /UsageError: --caution: expected --policy cautious, which reads it/);
  assert.match(comet("train", "--store", "hlaf").stderr, /did you mean half\?/);
});

test("a run under the new store has its records and its label, and goes on to the same weights", () => {
  const half = [...small, "--store", "half", "--least-values", "100"];
  const whole = trained(...half, "--steps", "4");
  const first = trained(...half, "--steps", "4", "--stop-after", "2");
  assert.match(first.path, /^runs\/lenet-half-s1-/);
  const second = trained("--resume", first.path);
  assert.deepEqual([second.status, second.weights], ["done", whole.weights]);
  const steps = recordsOf(second).filter((record) => record.kind === "step");
  assert.equal(steps.length, 4);
  for (const { rawBytes, packedBytes } of steps) {
    assert.ok(
      packedBytes < 0.51 * rawBytes && packedBytes > 0.49 * rawBytes,
      `${packedBytes} of ${rawBytes}`,
    );
  }
  assert.ok(reportOf(second).includes("half from 100 values"));
  const other = comet("train", "--resume", first.path, "--least-values", "5");
  assert.match(other.stderr, /--least-values: expected 100, as the run began, got 5/);
});

test("comet memory measures the new store", () => {
  const args = [
    "--model",
    "lenet",
    "--data",
    "fashion-mnist",
    "--batch",
    "8",
    "--steps",
    "2",
    "--threads",
    "1",
  ];
  const { stdout, stderr } = comet("memory", ...args, "--store", "half", "--json");
  const [row] = JSON.parse(stdout || assert.fail(stderr)) as { store: string; last: { rawBytes: number } }[];
  assert.equal(row!.store, "half");
  assert.ok(row!.last.rawBytes > 0);
});

test("a run under the new policy has its label, and with caution 1 the weights of law", () => {
  const law = trained(...small, "--steps", "3", "--policy", "law");
  const equal = trained(...small, "--steps", "3", "--policy", "cautious", "--caution", "1");
  assert.equal(equal.weights, law.weights);
  const cautious = trained(...small, "--steps", "3", "--policy", "cautious", "--caution", "8");
  assert.match(cautious.path, /^runs\/lenet-comet-cautious-s1-/);
  assert.ok(reportOf(cautious).includes("COMET, cautious"));
  const bytes = [law, cautious].map((result) =>
    recordsOf(result).reduce((sum, record) => sum + (record.kind === "step" ? record.packedBytes : 0), 0),
  );
  assert.ok(bytes[1]! > bytes[0]!);
});

test("the new kernel has the reference's bits, and the new model trains on the new data", () => {
  const law = ["--test-name-pattern", "squaredRelu of the release", "--test-reporter", "tap"];
  const file = join(copy, "dist/test/kernels/kernels.test.js");
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const { status, stdout } = spawnSync(process.execPath, [...law, file], { env, encoding: "utf8" });
  assert.equal(status, 0, stdout);
  assert.match(stdout, /^ok \d+ - squaredRelu of the release build returns the reference's bits$/m);
  const args = [
    "--model",
    "tiny",
    "--data",
    "stripes",
    "--steps",
    "12",
    "--probe-every",
    "10",
    "--threads",
    "1",
  ];
  const result = trained(...args, "--out", "runs");
  const rows = recordsOf(result).flatMap((record) => (record.kind === "probe" ? record.rows : []));
  assert.ok(rows.some(({ parameter }) => parameter === "conv2.weight"));
});
