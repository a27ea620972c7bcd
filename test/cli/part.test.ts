/** What `compress` leaves beside its output when it is ended: nothing; and what was left by others is removed. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { partOf } from "../../src/files/part.js";

const folder = mkdtempSync(join(tmpdir(), "comet-part-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const main = new URL("../../src/cli/main.js", import.meta.url).pathname;

const names = () => readdirSync(folder).sort();
const out = join(folder, "out.cmt");

/** A command that reads standard input, which never ends, once it has its part. */
async function waiting(args: string[], input: Uint8Array) {
  const child = spawn(process.execPath, [main, ...args], { stdio: ["pipe", "ignore", "pipe"] });
  const ended = new Promise<[number | null, string | null]>((resolve) =>
    child.once("close", (code, signal) => resolve([code, signal])),
  );
  child.stdin.write(input);
  while (names().length === 0) await sleep(5);
  return { child, ended };
}

const commands: Readonly<Record<string, [string[], Uint8Array]>> = {
  compress: [["compress", "-", "-o", out, "--shape", "1000", "--lossless"], new Uint8Array(400)],
  decompress: [["decompress", "-", "-o", out], Uint8Array.of(0x43, 0x4d, 0x54, 0x41, 1)],
};

for (const [title, [args, input]] of Object.entries(commands)) {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    test(`${title} that is ended by ${signal} leaves nothing behind`, async () => {
      const { child, ended } = await waiting(args, input);
      assert.match(names().join(), /^out\.cmt\.comet-\d+-\d*-\d+\.part$/);
      child.kill(signal);
      assert.deepEqual(await ended, [null, signal]);
      assert.deepEqual(names(), []);
    });
  }
}

test("what a killed process left is removed by the next writer of the same file, and nothing else is", async () => {
  const { child, ended } = await waiting(...commands.compress!);
  child.kill("SIGKILL");
  await ended;
  const [left] = names();
  assert.ok(left);
  const living = partOf(out);
  const others = ["out.cmt.1.part", "other.cmt.comet-999999999-1-1.part", "out.cmt.part"];
  for (const path of [living, ...others.map((name) => join(folder, name))]) writeFileSync(path, "");
  const { status } = spawnSync(process.execPath, [main, ...commands.compress![0]], {
    input: new Uint8Array(4000),
  });
  assert.equal(status, 0);
  assert.deepEqual(names(), [...others, living.slice(folder.length + 1), "out.cmt"].sort());
  assert.ok(readFileSync(out).length > 0);
});
