/** Runs on disk: each has a folder of its own, and files are whole or not there. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { UsageError } from "../../src/error.js";
import { writeAtomically } from "../../src/files/atomic.js";
import { makeFolder } from "../../src/files/folder.js";
import { RunFolder, readRun } from "../../src/runs/run.js";
import { manifest } from "../report/runs.js";

const folder = mkdtempSync(join(tmpdir(), "comet-run-"));
after(() => rmSync(folder, { recursive: true, force: true }));

test("equal runs of one second have a folder each, and their manifests say which", () => {
  const out = join(folder, "deep", "runs");
  const runs = [1, 2, 3].map(() => RunFolder.create(out, manifest("comet", { id: "run" })));
  runs.forEach((run, i) => {
    run.append({ kind: "audit", step: i, frames: 0, values: 0, worst: 0, moved: 0 });
    run.close({ status: "done", skipped: [`${i}.jpg`] });
  });
  assert.deepEqual(readdirSync(out).sort(), ["run", "run-2", "run-3"]);
  for (const [i, { path }] of runs.entries()) {
    const { manifest: own, records } = readRun(path);
    assert.equal(join(out, own.id), path);
    assert.deepEqual([own.status, own.skipped, records.length], ["done", [`${i}.jpg`], 1]);
    assert.deepEqual(readdirSync(path).sort(), ["manifest.json", "metrics.jsonl"]);
  }
});

test("a run that another process took over is left to that process", () => {
  const out = join(folder, "taken");
  const run = RunFolder.create(out, manifest("comet", { id: "run", status: "running" }));
  const record = { kind: "audit", step: 0, frames: 0, values: 0, worst: 0, moved: 0 } as const;
  run.append(record);
  const lock = join(run.path, "lock");
  writeFileSync(lock, "the other one's");
  assert.throws(() => run.append(record), /expected this process alone .*leave the run to it/);
  const before = readFileSync(join(run.path, "manifest.json"), "utf8");
  run.close({ status: "failed" });
  assert.equal(readFileSync(join(run.path, "manifest.json"), "utf8"), before);
  assert.equal(readFileSync(lock, "utf8"), "the other one's");
  assert.equal(readRun(run.path).records.length, 1);
});

test("a folder that cannot be made is an error at once", () => {
  const file = join(folder, "file");
  writeFileSync(file, "");
  for (const out of [file, join(file, "below"), "/proc/comet", "/proc/comet/runs"]) {
    if (out.startsWith("/proc") && !existsSync("/proc/self")) continue;
    // In a process of its own, for what is feared is that it never ends.
    const code = `import { RunFolder } from ${JSON.stringify(new URL("../../src/runs/run.js", import.meta.url).href)};
      try { RunFolder.create(${JSON.stringify(out)}, { id: "x" }) } catch (error) { console.log(String(error)) }`;
    const { stdout, error } = spawnSync(process.execPath, ["--input-type=module", "-e", code], {
      encoding: "utf8",
      timeout: 60_000,
    });
    assert.equal(error, undefined, out);
    assert.match(
      stdout,
      /UsageError: settings\.out: expected a folder that can be written to, got .*; choose another/,
    );
  }
  assert.throws(() => makeFolder(file), { code: "EEXIST" });
  makeFolder(folder);
  makeFolder("/");
});

test("writeAtomically replaces a file whole, or leaves everything as it was", () => {
  const place = join(folder, "writeAtomically");
  mkdirSync(join(place, "taken"), { recursive: true });
  const file = join(place, "file");
  writeAtomically(file, "one");
  writeAtomically(file, "two");
  assert.equal(readFileSync(file, "utf8"), "two");
  for (const path of [join(place, "taken"), join(place, "no", "folder")]) {
    assert.throws(
      () => writeAtomically(path, "three"),
      (error: Error) => error instanceof UsageError && error.message.startsWith(`${path}: expected a file`),
    );
  }
  assert.deepEqual(readdirSync(place).sort(), ["file", "taken"]);
});
