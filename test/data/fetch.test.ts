import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { Command } from "commander";
import { encode as encodePng } from "fast-png";
import { create } from "tar";
import { registerData } from "../../src/cli/data.js";
import { archiveSource, type CifarSource, sheetToRecords } from "../../src/data/cifar-source.js";
import { fetchFiles } from "../../src/data/fetch.js";
import { DataError } from "../../src/error.js";

async function folderFor(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "comet-"));
  t.after(() => rm(folder, { recursive: true }));
  return folder;
}

async function serve(t: TestContext, listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  t.after(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/a.tar.gz`;
}

const files = { "a.bin": "first file", "b.bin": "second file" };
const md5 = Object.fromEntries(
  Object.entries(files).map(([name, text]) => [name, createHash("md5").update(text).digest("hex")]),
);

/** A source that yields the texts given, and then perhaps fails. */
const yields = (texts: Record<string, string>, failure?: Error): CifarSource =>
  async function* () {
    for (const [name, text] of Object.entries(texts)) {
      yield { name, bytes: Buffer.from(text) };
    }
    if (failure) {
      throw failure;
    }
  };

const quiet = () => {};
const whole = yields(files);
const unreachable = yields({}, new Error("fetch failed"));

const holds = async (folder: string) =>
  Object.fromEntries(
    await Promise.all(
      (await readdir(folder)).map(
        async (name) => [name, await readFile(join(folder, name), "utf8")] as const,
      ),
    ),
  );

test("the first source that serves is used, and nothing but the files is left", async (t) => {
  const folder = join(await folderFor(t), "new");
  const fetched = await fetchFiles(
    folder,
    md5,
    [
      ["one", unreachable],
      ["two", whole],
    ],
    quiet,
  );
  assert.equal(fetched.source, "two");
  assert.deepEqual(await holds(folder), files);
  const again = await fetchFiles(folder, md5, [["one", unreachable]], quiet);
  assert.equal(again.source, null);
});

test("an interrupted fetch, or a file damaged since, is made good by the next", async (t) => {
  const folder = await folderFor(t);
  const broken = yields({ "a.bin": files["a.bin"] }, new Error("socket hang up"));
  await assert.rejects(fetchFiles(folder, md5, [["one", broken]], quiet), /got one: socket hang up; check/);
  assert.deepEqual(await holds(folder), { "a.bin": files["a.bin"] });

  // What a process leaves that was killed while it downloaded, or wrote.
  await mkdir(join(folder, ".part"));
  await writeFile(join(folder, ".part", "archive.tar.gz"), "half");
  await writeFile(join(folder, "a.bin"), "first fi");
  await fetchFiles(folder, md5, [["one", whole]], quiet);
  assert.deepEqual(await holds(folder), files);
});

test("bytes with another MD5 never get the name", async (t) => {
  const folder = await folderFor(t);
  const wrong = yields({ ...files, "b.bin": "second fill" });
  await assert.rejects(
    fetchFiles(folder, md5, [["one", wrong]], quiet),
    (error) => error instanceof DataError && /one: b.bin: expected MD5 \w+, got \w+/.test(error.message),
  );
  assert.deepEqual(await holds(folder), { "a.bin": files["a.bin"] });
  const incomplete = yields({ "a.bin": files["a.bin"] });
  await assert.rejects(
    fetchFiles(folder, md5, [["one", incomplete]], quiet),
    /one: expected b.bin, got a source that ended without/,
  );
});

test("an archive is downloaded, unpacked and verified; a cut or missing one is an error", async (t) => {
  const folder = await folderFor(t);
  const packed = join(folder, "packed");
  await mkdir(join(packed, "cifar-10-batches-bin"), { recursive: true });
  for (const [name, text] of Object.entries(files)) {
    await writeFile(join(packed, "cifar-10-batches-bin", name), text);
  }
  await create({ file: join(packed, "a.tar.gz"), gzip: true, cwd: packed }, ["cifar-10-batches-bin"]);
  const archive = await readFile(join(packed, "a.tar.gz"));

  let answer: RequestListener = (_request, response) =>
    response.setHeader("content-length", archive.length).end(archive);
  const url = await serve(t, (request, response) => answer(request, response));
  const out = join(folder, "out");
  const seen: number[] = [];
  await fetchFiles(out, md5, [["archive", archiveSource(url)]], (done) => seen.push(done));
  assert.deepEqual(await holds(out), files);
  assert.ok(seen.length > 0 && seen.every((done, i) => done >= (seen[i - 1] ?? 0) && done <= 1));

  const cut = join(folder, "cut");
  answer = (_request, response) => {
    response.setHeader("content-length", archive.length).write(archive.subarray(0, archive.length / 2));
    setTimeout(() => response.destroy(), 20);
  };
  await assert.rejects(fetchFiles(cut, md5, [["archive", archiveSource(url)]], quiet), DataError);
  assert.deepEqual(await holds(cut), {});
  answer = (_request, response) => response.end(archive.subarray(0, archive.length / 2));
  await assert.rejects(fetchFiles(cut, md5, [["archive", archiveSource(url)]], quiet), DataError);
  answer = (_request, response) => response.writeHead(404).end();
  await assert.rejects(fetchFiles(cut, md5, [["archive", archiveSource(url)]], quiet), /answered 404/);
});

test("a sheet of rows becomes records of planes", () => {
  const data = Uint8Array.from({ length: 2 * 1024 * 3 }, (_, i) => (i * 31 + (i >> 8)) & 255);
  const sheet = encodePng({ width: 1024, height: 2, channels: 3, data });
  const records = sheetToRecords(sheet, [4, 9]);
  assert.equal(records.length, 2 * 3073);
  for (const n of [0, 1]) {
    assert.equal(records[n * 3073], [4, 9][n]);
    for (let p = 0; p < 1024; p++) {
      for (let c = 0; c < 3; c++) {
        assert.equal(records[n * 3073 + 1 + c * 1024 + p], data[(n * 1024 + p) * 3 + c]);
      }
    }
  }
  assert.throws(() => sheetToRecords(sheet, [4]), /a sheet of 1024×2 pixels for 1 labels/);
});

test("comet data info prints what the embedded set holds", async (t) => {
  const lines: string[] = [];
  t.mock.method(console, "log", (line: string) => lines.push(line));
  const program = new Command("comet");
  registerData(program);
  await program.parseAsync(["data", "info", "fashion-mnist"], { from: "user" });
  assert.match(lines.join("\n"), /10000 images to train on, 2000 to test\n1×28×28, 10 classes: T-shirt/);
});

test("what a server or an archive holds is limited", async (t) => {
  const folder = await folderFor(t);
  const packed = join(folder, "packed");
  await mkdir(join(packed, "set"), { recursive: true });
  for (const [name, text] of Object.entries(files)) await writeFile(join(packed, "set", name), text);
  await writeFile(join(packed, "set", "large.bin"), new Uint8Array(3e6));
  await writeFile(join(packed, "set", "readme"), new Uint8Array(5e6));
  await create({ file: join(packed, "a.tar.gz"), gzip: true, cwd: packed }, ["set"]);
  const archive = await readFile(join(packed, "a.tar.gz"));
  const url = await serve(t, (_request, response) => response.end(archive));
  const enough = { download: 1e6, unpacked: 1e7, member: 4e6 };
  await fetchFiles(join(folder, "out"), md5, [["archive", archiveSource(url, enough)]], quiet);
  for (const [limits, message] of [
    [{ download: 5000 }, /a\.tar\.gz holds more than 5000 bytes/],
    [{ unpacked: 7e6 }, /archive\.tar\.gz holds more than 7000000 bytes/],
    [{ member: 2e6 }, /large\.bin holds more than 2000000 bytes/],
  ] as const) {
    const source = archiveSource(url, { ...enough, ...limits });
    const out = join(folder, Object.keys(limits)[0]!);
    await assert.rejects(fetchFiles(out, md5, [["archive", source]], quiet), message);
    assert.deepEqual(await holds(out), {});
  }
});

test("an archive's links and paths that lead out of it are left out", async (t) => {
  const folder = await folderFor(t);
  const packed = join(folder, "packed");
  await mkdir(join(packed, "set"), { recursive: true });
  await writeFile(join(folder, "secret"), "secret");
  await symlink(join(folder, "secret"), join(packed, "set", "a.bin"));
  await writeFile(join(packed, "set", "b.bin"), files["b.bin"]);
  await create({ file: join(packed, "a.tar.gz"), gzip: true, cwd: packed }, ["set"]);
  const archive = await readFile(join(packed, "a.tar.gz"));
  const url = await serve(t, (_request, response) => response.end(archive));
  const out = join(folder, "out");
  await assert.rejects(
    fetchFiles(out, md5, [["archive", archiveSource(url)]], quiet),
    /archive: expected a\.bin, got a source that ended/,
  );
  assert.deepEqual(await holds(out), { "b.bin": files["b.bin"] });
});
