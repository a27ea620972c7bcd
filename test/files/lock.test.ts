/** A lock belongs to a living process, and to one of its name. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
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
