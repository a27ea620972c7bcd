/** comet compress, decompress, inspect, as a user runs them. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { partsOf } from "../../src/cli/compress.js";
import { encodeNpy } from "../../src/files/npy.js";

const folder = mkdtempSync(join(tmpdir(), "comet-"));
after(() => rmSync(folder, { recursive: true }));
const main = new URL("../../src/cli/main.js", import.meta.url).pathname;

function comet(args: string[], input?: Uint8Array) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], {
    input,
    cwd: folder,
    maxBuffer: 1 << 26,
  });
  return { status, stdout, stderr: stderr.toString() };
}

const data = Float32Array.from({ length: 6 * 40 * 50 }, (_, i) => Math.max(0, Math.sin(i / 50) * 4));
const bytesOf = (x: Float32Array) => new Uint8Array(x.buffer, x.byteOffset, x.byteLength);

function within(bytes: Uint8Array, bound: number): void {
  const back = new Float32Array(Uint8Array.from(bytes).buffer);
  assert.equal(back.length, data.length);
  for (let i = 0; i < data.length; i++) assert.ok(Math.abs(back[i]! - data[i]!) < bound);
}

test(".npy there and back, dense and fast, head byte for byte", () => {
  const npy = encodeNpy({ shape: [6, 40, 50], data });
  writeFileSync(join(folder, "x.npy"), npy);
  for (const mode of ["dense", "fast"]) {
    assert.equal(comet(["compress", "x.npy", "-o", "x.cmt", "--relative", "1e-2", "--mode", mode]).status, 0);
    assert.equal(comet(["decompress", "x.cmt", "-o", "y.npy"]).status, 0);
    const back = readFileSync(join(folder, "y.npy"));
    const head = npy.length - data.byteLength;
    assert.deepEqual([...back.subarray(0, head)], [...npy.subarray(0, head)]);
    within(back.subarray(head), 0.04);
    assert.ok(readFileSync(join(folder, "x.cmt")).length < npy.length / 4);
  }
  const { stdout } = comet(["inspect", "x.cmt"]);
  assert.match(stdout.toString(), /frame \[6, 40, 50\] support fast, bound 0\.0/);
  assert.match(stdout.toString(), /blocks \d+/);
});

test("raw float32 through pipes, lossless", () => {
  const packed = comet(["compress", "-", "-o", "-", "--lossless", "--shape", "6,40,50"], bytesOf(data));
  assert.equal(packed.status, 0, packed.stderr);
  const back = comet(["decompress", "-", "-o", "-"], packed.stdout);
  assert.deepEqual(new Uint8Array(back.stdout), bytesOf(data));
});

test(".safetensors: every float32 tensor is encoded, all else is kept", () => {
  const other = Uint8Array.of(1, 2, 3, 4);
  const json = JSON.stringify({
    ints: { dtype: "I32", shape: [1], data_offsets: [0, 4] },
    x: { dtype: "F32", shape: [6, 40, 50], data_offsets: [4, 4 + data.byteLength] },
  });
  const head = new Uint8Array(8 + json.length);
  new DataView(head.buffer).setBigUint64(0, BigInt(json.length), true);
  head.set(new TextEncoder().encode(json), 8);
  writeFileSync(join(folder, "w.safetensors"), Buffer.concat([head, other, bytesOf(data)]));
  assert.equal(comet(["compress", "w.safetensors", "-o", "w.cmt", "--bound", "1e-2"]).status, 0);
  assert.equal(comet(["decompress", "w.cmt", "-o", "v.safetensors"]).status, 0);
  const back = readFileSync(join(folder, "v.safetensors"));
  assert.deepEqual([...back.subarray(0, head.length + 4)], [...head, ...other]);
  within(back.subarray(head.length + 4), 1e-2);
});

test("damage is an error, and no half file stays", () => {
  const packed = readFileSync(join(folder, "w.cmt"));
  const cases: [string, Uint8Array, RegExp][] = [
    ["cut.cmt", packed.subarray(0, packed.length - 200), /FrameError.*cut off/],
    [
      "flip.cmt",
      packed.map((byte, i) => (i === packed.length - 300 ? byte ^ 1 : byte)),
      /FrameError: checksum/,
    ],
    ["keep.cmt", packed.map((byte, i) => (i === 20 ? byte ^ 1 : byte)), /content checksum/],
    ["other.cmt", Uint8Array.of(1, 2, 3, 4, 5, 6), /magic/],
  ];
  for (const [name, bytes, message] of cases) {
    writeFileSync(join(folder, name), bytes);
    const { status, stderr } = comet(["decompress", name, "-o", "never"]);
    assert.equal(status, 1);
    assert.match(stderr, message);
  }
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.startsWith("never")),
    [],
  );
});

test("what makes no sense is said", () => {
  assert.match(
    comet(["compress", "x.npy", "-o", "n.cmt"]).stderr,
    /one of --bound, --relative and --lossless/,
  );
  assert.match(comet(["compress", "x.npy", "-o", "n.cmt", "--bound", "-1"]).stderr, /BoundError/);
  assert.match(comet(["compress", "x.cmt", "-o", "n.cmt", "--bound", "1"]).stderr, /give --shape/);
  assert.match(
    comet(["compress", "-", "-o", "n.cmt", "--relative", "1"], Uint8Array.of(1)).stderr,
    /read twice/,
  );
});

test("parts hold all values, and few enough", () => {
  for (const shape of [[], [0], [7], [10_000_000], [3, 5_000_000], [100, 64, 56, 56], [2, 3, 4]]) {
    const parts = [...partsOf(shape)].map((part) => part.reduce((product, size) => product * size, 1));
    assert.equal(
      parts.reduce((sum, n) => sum + n, 0),
      shape.reduce((product, size) => product * size, 1),
    );
    assert.ok(parts.every((n) => n <= 1 << 21));
  }
});
