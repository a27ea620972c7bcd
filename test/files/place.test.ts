/** What is not a regular file is not replaced by one: each writer goes through links, and straight to pipes and devices. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { UsageError } from "../../src/error.js";
import { writeAtomically } from "../../src/files/atomic.js";
import { encodeNpy } from "../../src/files/npy.js";
import { writeSafetensors } from "../../src/files/safetensors.js";
import { writeReport } from "../../src/report/write.js";
import { makeRun } from "../report/runs.js";

const folder = mkdtempSync(join(tmpdir(), "comet-place-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const main = new URL("../../src/cli/main.js", import.meta.url).pathname;

const npy = join(folder, "x.npy");
const cmt = join(folder, "x.cmt");
writeFileSync(npy, encodeNpy({ shape: [100], data: new Float32Array(100).fill(0.5) }));

/** The command in a process of its own, so that a pipe may make it wait. */
function comet(...args: string[]): Promise<void> {
  return new Promise((done, fail) => {
    const child = spawn(process.execPath, [main, ...args], { stdio: ["ignore", "ignore", "pipe"] });
    let said = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      said += text;
    });
    child.once("close", (code) => (code === 0 ? done() : fail(new Error(said))));
  });
}

await comet("compress", npy, "-o", cmt, "--bound", "1e-3");
const run = makeRun("comet", { steps: 30 });
const tensor = { shape: [1000], data: new Float32Array(1000).fill(7) };

const writers: Readonly<Record<string, (path: string) => void | Promise<void>>> = {
  compress: (path) => comet("compress", npy, "-o", path, "--bound", "1e-3"),
  decompress: (path) => comet("decompress", cmt, "-o", path),
  report: (path) => writeReport([run], path),
  weights: (path) => writeSafetensors(path, [["w", tensor]]),
  text: (path) => writeAtomically(path, "some text"),
};

const unix = process.platform !== "win32";

for (const [title, write] of Object.entries(writers)) {
  const own = join(folder, title);
  mkdirSync(own);
  const at = (name: string) => join(own, name);
  let wanted: Buffer;

  test(`${title}: a link stays a link, and its target is written, with its permissions`, async () => {
    await write(at("plain"));
    wanted = readFileSync(at("plain"));
    assert.ok(wanted.length > 0);
    mkdirSync(at("there"));
    writeFileSync(at("there/target"), "before");
    chmodSync(at("there/target"), 0o640);
    symlinkSync("there/target", at("link"));
    symlinkSync("link", at("chain"));
    symlinkSync("there/missing", at("dangling"));
    for (const [link, target] of [
      ["link", "there/target"],
      ["chain", "there/target"],
      ["dangling", "there/missing"],
    ] as const) {
      await write(at(link));
      assert.ok(lstatSync(at(link)).isSymbolicLink(), link);
      assert.deepEqual(readFileSync(at(target)), wanted, link);
    }
    if (unix) assert.equal(statSync(at("there/target")).mode & 0o777, 0o640);
    assert.deepEqual(readdirSync(at("there")).sort(), ["missing", "target"]);
    assert.deepEqual(readdirSync(own).sort(), ["chain", "dangling", "link", "plain", "there"]);
  });

  test(`${title}: a pipe gets the bytes`, { skip: !unix }, async () => {
    assert.equal(spawnSync("mkfifo", [at("pipe")]).status, 0);
    // Another process reads, for a writer may keep this one waiting.
    const reader = spawn("sh", ["-c", 'cat "$0" > "$1"', at("pipe"), at("read")]);
    const read = new Promise((done) => reader.once("close", done));
    await write(at("pipe"));
    await read;
    assert.deepEqual(readFileSync(at("read")), wanted);
    assert.ok(lstatSync(at("pipe")).isFIFO());
  });

  test(`${title}: a device stays a device`, async (t) => {
    // Not the system's own: a writer that is at fault would replace it.
    if (spawnSync("mknod", [at("null"), "c", "1", "3"]).status !== 0) return t.skip("no right to make one");
    try {
      writeFileSync(at("null"), "");
    } catch {
      return t.skip("no right to open one here");
    }
    await write(at("null"));
    assert.ok(lstatSync(at("null")).isCharacterDevice());
  });
}

test("an open file gets what is written behind what it holds", { skip: process.platform !== "linux" }, () => {
  const command = `echo before; "$0" "$1" decompress "$2" -o /dev/stdout; echo behind`;
  const out = join(folder, "out");
  const { status } = spawnSync("sh", ["-c", `{ ${command}; } > "$3"`, process.execPath, main, cmt, out]);
  assert.equal(status, 0);
  const [text, plain] = [readFileSync(out), readFileSync(join(folder, "decompress", "plain"))];
  assert.deepEqual(text, Buffer.concat([Buffer.from("before\n"), plain, Buffer.from("behind\n")]));
});

test("links that lead in a circle, and folders, are refused by name", () => {
  symlinkSync("b", join(folder, "a"));
  symlinkSync("a", join(folder, "b"));
  for (const [name, got] of [
    ["a", /got a chain of more than 40 links/],
    ["compress", /got a folder/],
  ] as const) {
    assert.throws(
      () => writeAtomically(join(folder, name), ""),
      (error: Error) => error instanceof UsageError && got.test(error.message),
    );
  }
});
