/** A lock belongs to a living process, and to one of its name. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { holds, ownHolder, silence } from "../../src/files/holder.js";
import { isLocked, takeLock } from "../../src/files/lock.js";
import { isLiving, ownProcess } from "../../src/files/process.js";

test("a lock is held until it is given back, and cannot be taken twice", () => {
  const folder = mkdtempSync(join(tmpdir(), "comet-lock-"));
  const path = join(folder, "lock");
  try {
    assert.ok(!isLocked(path));
    const unlock = takeLock(path);
    assert.ok(isLocked(path));
    assert.throws(() => takeLock(path), /expected no other process working on this run/);
    unlock();
    assert.ok(!isLocked(path));
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("the lock of a process that has ended, or of an earlier one of its number, is free", () => {
  const folder = mkdtempSync(join(tmpdir(), "comet-lock-"));
  const path = join(folder, "lock");
  try {
    const { pid } = spawnSync("true");
    writeFileSync(path, `${pid} 1`);
    assert.ok(!isLocked(path));
    writeFileSync(path, `${process.pid} 1`);
    assert.ok(!existsSync("/proc/self/stat") || !isLocked(path));
    takeLock(path)();
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("of another machine or container, a lock is held while it is touched", () => {
  const own = { ...ownHolder(), job: "", restart: 0 };
  const gone = { ...own, pid: spawnSync("true").pid };
  assert.ok(holds(own, 0, own));
  assert.ok(!holds(gone, 0, own), "of this machine, the system knows");
  for (const elsewhere of [{ host: "other" }, { namespace: "pid:[1]" }]) {
    const other = { ...gone, ...elsewhere };
    assert.ok(holds(other, silence - 1, own));
    assert.ok(!holds(other, silence, own));
  }
  const outside = { ...own, machine: "1", namespace: "pid:[4026531836]" };
  assert.ok(!holds({ ...outside, boot: "before" }, 0, outside), "this machine has started again since");
  const container = { ...outside, namespace: "pid:[2]" };
  assert.ok(holds({ ...container, boot: "before" }, 0, container), "another container of the same image");
});

test("a task that Slurm starts again takes over from itself, on whatever machine, and from no other task", () => {
  const own = { ...ownHolder(), job: "7", restart: 1 };
  const first = { ...own, host: "other", restart: 0 };
  assert.ok(!holds(first, 0, own));
  assert.ok(holds(first, 0, first));
  assert.ok(holds({ ...first, job: "8" }, 0, own));
});

test("a holder touches its lock until another one has it, and leaves it to that one", async () => {
  const folder = mkdtempSync(join(tmpdir(), "comet-lock-"));
  const path = join(folder, "lock");
  try {
    const lock = takeLock(path, 10);
    const before = new Date(Date.now() - silence);
    const silent = () => Date.now() - statSync(path).mtimeMs >= silence;
    utimesSync(path, before, before);
    for (let i = 0; i < 500 && silent(); i++) await new Promise((r) => setTimeout(r, 10));
    assert.ok(!silent(), "touched");
    assert.ok(lock.held());
    const successor = JSON.stringify({ ...ownHolder(), host: "other" });
    writeFileSync(path, successor);
    utimesSync(path, before, before);
    await new Promise((r) => setTimeout(r, 100));
    assert.ok(silent() && !lock.held());
    lock();
    assert.equal(readFileSync(path, "utf8"), successor);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("a lock of another machine is refused by name, and taken over after its silence", () => {
  const folder = mkdtempSync(join(tmpdir(), "comet-lock-"));
  const path = join(folder, "lock");
  try {
    writeFileSync(path, JSON.stringify({ ...ownHolder(), host: "node7" }));
    assert.throws(() => takeLock(path), /got process \d+ on node7.*wait ten minutes/);
    const before = new Date(Date.now() - silence);
    utimesSync(path, before, before);
    takeLock(path)();
    writeFileSync(path, "{ cut off");
    takeLock(path)();
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("a killed process whose parent has not yet asked how it ended holds nothing", {
  skip: !existsSync("/proc/self/stat") && "no /proc here",
}, async () => {
  // The shell becomes a program that never waits for the other one.
  const parent = spawn("sh", ["-c", "sleep 0 & echo $!; exec sleep 30"], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  const pid = await new Promise<number>((resolve) =>
    parent.stdout!.once("data", (text) => resolve(Number(text))),
  );
  try {
    for (let i = 0; i < 200 && isLiving({ pid, birth: birthOf(pid) }); i++)
      await new Promise((r) => setTimeout(r, 10));
    assert.ok(!isLiving({ pid, birth: birthOf(pid) }));
    assert.ok(existsSync(`/proc/${pid}/stat`), "its entry is still there");
    assert.ok(isLiving(ownProcess()));
  } finally {
    parent.kill();
  }
});

const birthOf = (pid: number): string =>
  spawnSync("sh", ["-c", `cut -d' ' -f22 /proc/${pid}/stat`], { encoding: "utf8" }).stdout.trim();
