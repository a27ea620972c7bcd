/** comet compress, decompress, inspect, as a user runs them. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { partsOf } from "../../src/cli/compress.js";
import { encode } from "../../src/codec/index.js";
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

/** A .safetensors file of float32 tensors by name. */
function safetensors(header: Record<string, unknown>, body: Uint8Array): Uint8Array {
  const json = new TextEncoder().encode(JSON.stringify(header));
  const length = new Uint8Array(new BigUint64Array([BigInt(json.length)]).buffer);
  return Buffer.concat([length, json, body]);
}

const f32 = (begin: number, end: number) => ({
  dtype: "F32",
  shape: [(end - begin) / 4],
  data_offsets: [begin, end],
});

test("headers as long as files have them", () => {
  const names = Array.from(
    { length: 1300 },
    (_, i) => `layers.${i}.a.name.as.long.as.names.of.layers.are.weight`,
  );
  const header = Object.fromEntries(names.map((name, i) => [name, f32(8 * i, 8 * i + 8)]));
  const many = safetensors(header, bytesOf(new Float32Array(2600).fill(0.25)));
  const padded = `{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }`.padEnd(200_000);
  const npy = Buffer.concat([
    Uint8Array.of(0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 2, 0),
    new Uint8Array(Uint32Array.of(padded.length).buffer),
    Buffer.from(padded),
    bytesOf(Float32Array.of(1, 2, 3)),
  ]);
  for (const bytes of [many, npy]) {
    writeFileSync(join(folder, "long"), bytes);
    const packed = comet(["compress", "long", "-o", "long.cmt", "--lossless"]);
    assert.equal(packed.status, 0, packed.stderr);
    assert.deepEqual(
      new Uint8Array(comet(["decompress", "long.cmt", "-o", "-"]).stdout),
      new Uint8Array(bytes),
    );
  }
});

test("a shape of another size than the file is refused, with both sizes", () => {
  writeFileSync(join(folder, "x.f32"), bytesOf(data));
  const cases: [string, RegExp][] = [
    ["100", /x\.f32: expected 400 bytes, as --shape 100 says, got 48000 bytes/],
    ["6,40,51", /expected 48960 bytes, as --shape 6,40,51 says, got 48000 bytes/],
    ["100,", /--shape: expected whole sizes, got 100,;/],
    ["", /--shape: expected whole sizes, got ;/],
    ["1e2", /--shape: expected whole sizes, got 1e2;/],
  ];
  for (const [shape, message] of cases) {
    const { status, stderr } = comet(["compress", "x.f32", "-o", "never", "--lossless", "--shape", shape]);
    assert.equal(status, 1);
    assert.match(stderr, message);
  }
  for (const [shape, message] of [
    ["100", /standard input: expected 400 bytes, as --shape 100 says, got 48000 bytes/],
    ["20000", /standard input: raw: expected 80000 bytes, got 48000/],
  ] as const) {
    const args = ["compress", "-", "-o", "never", "--lossless", "--shape", shape];
    const { status, stderr } = comet(args, bytesOf(data));
    assert.equal(status, 1);
    assert.match(stderr, message);
  }
  assert.equal(readdirSync(folder).filter((name) => name.startsWith("never")).length, 0);
});

test("what is no whole file is one line of an error of ours", () => {
  const end = Uint8Array.of(2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
  const archive = (...parts: Uint8Array[]) =>
    Buffer.concat([Uint8Array.of(0x43, 0x4d, 0x54, 0x41, 1), ...parts]);
  const npyOf = (shape: string) => {
    const head = `{'descr': '<f4', 'fortran_order': False, 'shape': ${shape}, }`.padEnd(117);
    return Buffer.concat([
      Buffer.from("\x93NUMPY\x01\x00\x76\x00", "latin1"),
      Buffer.from(`${head}\n`),
      bytesOf(data),
    ]);
  };
  const cases: [command: string, Uint8Array, RegExp][] = [
    ["decompress", archive(), /FrameError: bad: section: expected 1 bytes, got 0/],
    ["decompress", archive(Uint8Array.of(7)), /FrameError: bad: section: expected one of 0, 1, 2, got 7/],
    ["decompress", archive(end.subarray(0, 5)), /FrameError: bad: end: expected 12 bytes, got 4/],
    [
      "decompress",
      archive(Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0)),
      /frame: expected at least 12/,
    ],
    [
      "decompress",
      Buffer.concat([readFileSync(join(folder, "w.cmt")), end]),
      /end: expected no more bytes, got 13/,
    ],
    [
      "decompress",
      archive(Uint8Array.of(0, 255, 255, 255, 255, 1)),
      /bytes: expected 4294967295 bytes, got 1/,
    ],
    [
      "compress",
      npyOf("(abc,)"),
      /DataError: bad: expected a header with 'descr', 'fortran_order' and 'shape'/,
    ],
    ["compress", npyOf("(5,)"), /DataError: bad: expected 148 bytes, as its header says, got 48128 bytes/],
    ["compress", safetensors({ w: null }, new Uint8Array()), /DataError: bad: w: expected \{ dtype/],
    [
      "compress",
      safetensors({ w: { ...f32(0, 4), shape: [-1] } }, new Uint8Array(4)),
      /shape\[0\]: expected a whole/,
    ],
    ["compress", safetensors({ a: f32(0, 8), b: f32(4, 12) }, new Uint8Array(12)), /b: .* got an overlap/],
    ["compress", safetensors({ a: f32(0, 8), b: f32(12, 16) }, new Uint8Array(16)), /b: .* got a gap/],
    [
      "compress",
      safetensors({ a: { ...f32(0, 8), shape: [1] } }, new Uint8Array(8)),
      /a: expected 4 bytes for F32/,
    ],
    ["compress", safetensors({ "a\n\x1b[2J": null }, new Uint8Array()), /a\\u000a\\u001b\[2J: expected/],
  ];
  for (const [command, bytes, message] of cases) {
    writeFileSync(join(folder, "bad"), bytes);
    const options = command === "compress" ? ["--lossless"] : [];
    const { status, stderr } = comet([command, "bad", "-o", "never", ...options]);
    assert.equal(status, 1, stderr);
    assert.match(stderr, message);
    assert.match(stderr, /^comet: [^\n]*\n$/, "one line");
  }
  assert.equal(readdirSync(folder).filter((name) => name.startsWith("never")).length, 0);
  assert.match(
    comet(["compress", ".", "-o", "never", "--lossless"]).stderr,
    /^comet: DataError: \.: .*EISDIR.*\n$/,
  );
});

test("a frame that stands for more values than a part has is refused before it is decoded", () => {
  const frame = encode(new Float32Array((1 << 21) + 1), { lossless: true });
  const archive = Buffer.concat([Uint8Array.of(0x43, 0x4d, 0x54, 0x41, 1, 1), frame]);
  writeFileSync(join(folder, "bomb.cmt"), archive);
  const { status, stderr } = comet(["decompress", "bomb.cmt", "-o", "never"]);
  assert.equal(status, 1);
  assert.match(stderr, /FrameError: bomb\.cmt: frame: expected at most 2097152 values, got 2097153/);
});
