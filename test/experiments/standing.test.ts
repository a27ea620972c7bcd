/** Where planned runs stand, by what lies in folders. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { checkFolders, findRuns, foreignRun, standingOf } from "../../src/experiments/standing.js";
import { takeLock } from "../../src/files/lock.js";
import type { Manifest } from "../../src/runs/manifest.js";
import { manifestOf, planned } from "./small-experiment.js";

const code = { code: "c0de", commit: "abc" };

function within(
  use: (folder: string, put: (name: string, changes?: Partial<Manifest>) => string) => void,
): void {
  const folder = mkdtempSync(join(tmpdir(), "comet-standing-"));
  const put = (name: string, changes: Partial<Manifest> = {}) => {
    const path = join(folder, name);
    mkdirSync(path);
    writeFileSync(join(path, "manifest.json"), JSON.stringify(manifestOf(planned(), changes)));
    return path;
  };
  try {
    use(folder, put);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const stands = (folder: string, anyCode = false) =>
  standingOf(planned(), findRuns([folder]), code, anyCode).kind;

test("a run is missing until a folder has it, and what is no run is left out", () => {
  within((folder, put) => {
    assert.equal(stands(join(folder, "nowhere")), "missing");
    mkdirSync(join(folder, "empty"));
    writeFileSync(join(folder, "text"), "");
    put("other", { settings: { ...planned().settings, batch: 3 } });
    assert.equal(stands(folder), "missing");
    put("run");
    assert.equal(stands(folder), "done");
  });
});

test("the most advanced of several folders counts", () => {
  within((folder, put) => {
    put("a", { status: "failed" });
    assert.equal(stands(folder), "failed");
    put("b", { status: "running" });
    assert.equal(stands(folder), "interrupted", "no process holds its lock");
    put("c", { status: "interrupted" });
    assert.equal(stands(folder), "interrupted");
    const unlock = takeLock(join(folder, "b", "lock"));
    assert.equal(stands(folder), "busy");
    put("d");
    assert.equal(stands(folder), "done");
    unlock();
  });
});

test("a run of other code is told apart, also if only a later part of it was computed by other code", () => {
  within((folder, put) => {
    const other = { comet: "0", node: "v20", arch: "x64", code: "0ther", commit: "def" };
    const path = put("run", { resumed: [{ at: "2026", step: 3, versions: other }] });
    assert.equal(stands(folder), "foreign");
    assert.equal(stands(folder, true), "done");
    const error = foreignRun({ path, manifest: manifestOf(planned(), { versions: other }) }, code);
    assert.match(
      error.message,
      /expected a run of this code, c0de \(commit abc\), got one of 0ther \(commit def\)/,
    );
    const own = put("younger");
    assert.equal(stands(folder), "done");
    const counted = standingOf(planned(), findRuns([folder]), code, true);
    assert.equal(counted.kind !== "missing" && counted.path, own, "that of this code, where any code counts");
  });
});

test("a folder of results, and a run itself, may be named; one that is not there is an error", () => {
  within((folder, put) => {
    const path = put("run");
    assert.equal(stands(path), "done");
    renameSync(path, join(folder, "aside"));
    mkdirSync(join(folder, "runs"));
    renameSync(join(folder, "aside"), join(folder, "runs", "run"));
    assert.equal(stands(folder), "done");
    checkFolders([folder, join(folder, "runs")]);
    assert.throws(() => checkFolders([join(folder, "ruins")]), /--adopt: .*ruins, which is none/);
  });
});
