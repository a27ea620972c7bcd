/** comet compress on .npy files as people have them. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { decodeNpy } from "../../src/files/npy.js";

const folder = mkdtempSync(join(tmpdir(), "comet-"));
after(() => rmSync(folder, { recursive: true }));
const main = fileURLToPath(new URL("../../src/cli/main.js", import.meta.url));
const comet = (...args: string[]) =>
  spawnSync(process.execPath, [main, ...args], { cwd: folder, encoding: "utf8" });

/** As numpy.save writes it, with a shape in any order of bytes and dimensions. */
function npy(
  descr: string,
  fortran: boolean,
  shape: readonly number[],
  values: Uint8Array,
  more = "",
): Buffer {
  const order = fortran ? "True" : "False";
  const header = `{${more}'descr': '${descr}', 'fortran_order': ${order}, 'shape': (${shape.join(", ")},), }`;
  const length = Buffer.alloc(4);
  length.writeUInt32LE(header.length + 1);
  return Buffer.concat([
    Buffer.from("\x93NUMPY\x02\0", "latin1"),
    length,
    Buffer.from(`${header}\n`),
    values,
  ]);
}

const numbers = Array.from({ length: 60 * 70 }, (_, i) => Math.sin(i / 40) * 3);
const turned = (bytes: Uint8Array, width: number) =>
  Uint8Array.from(bytes, (_, i) => bytes[i - (i % width) + width - 1 - (i % width)]!);
const float32 = new Uint8Array(Float32Array.from(numbers).buffer);
const float64 = new Uint8Array(Float64Array.from(numbers).buffer);

/** Compresses and decompresses; the copy's bytes and what was said. */
function there(file: Buffer, ...options: string[]): { copy: Buffer; said: string } {
  writeFileSync(join(folder, "x.npy"), file);
  const first = comet("compress", "x.npy", "-o", "x.cmt", ...options);
  assert.equal(first.status, 0, first.stderr);
  const second = comet("decompress", "x.cmt", "-o", "y.npy");
  assert.equal(second.status, 0, second.stderr);
  return { copy: readFileSync(join(folder, "y.npy")), said: first.stderr };
}

test("big-endian and Fortran order are converted: the copy is little-endian, of the same shape and order", () => {
  for (const fortran of [false, true]) {
    for (const big of [false, true]) {
      const values = big ? turned(float32, 4) : float32;
      const more = "'comment': '>f4', ";
      const { copy } = there(npy(big ? ">f4" : "<f4", fortran, [60, 70], values, more), "--lossless");
      assert.deepEqual(copy, npy("<f4", fortran, [60, 70], float32, more));
    }
  }
  // The codec sees the fastest dimension last.
  there(npy("<f4", true, [60, 70], float32), "--bound", "1e-3");
  assert.match(comet("inspect", "x.cmt").stdout, /frame \[70, 60\]/);
  const { copy } = there(npy(">f4", true, [60, 70], turned(float32, 4)), "--relative", "1e-3");
  const [before, after] = [npy("<f4", true, [60, 70], float32), copy].map((file) => decodeNpy(file, "f"));
  assert.deepEqual(after!.shape, [60, 70]);
  assert.ok(before!.data.every((value, i) => Math.abs(value - after!.data[i]!) < 6e-3));
});

test("float64 and float16 need a flag, which says what is lost", () => {
  writeFileSync(join(folder, "d.npy"), npy("<f8", false, [60, 70], float64));
  const refused = comet("compress", "d.npy", "-o", "d.cmt", "--bound", "1e-3");
  assert.equal(refused.status, 1);
  assert.match(refused.stderr, /d\.npy: expected float32, got float64; give --float32/);
  for (const big of [false, true]) {
    const file = npy(big ? ">f8" : "<f8", big, [60, 70], big ? turned(float64, 8) : float64);
    const { copy, said } = there(file, "--lossless", "--float32");
    assert.deepEqual(copy, npy("<f4", big, [60, 70], float32));
    assert.match(
      said,
      /float64 to float32: \d{4} of 4200 values changed, .* by at most 5\.\d+e-8 of themselves, 0 became infinite, 0 became 0/,
    );
  }
  const extremes = Float64Array.of(1e300, 1e-300, 1, -0, Number.NaN, Number.POSITIVE_INFINITY);
  const { said, copy } = there(
    npy("<f8", false, [6], new Uint8Array(extremes.buffer)),
    "--bound",
    "1e-3",
    "--float32",
  );
  assert.match(said, /2 of 6 values changed, .* at most 0\.00 of themselves, 1 became infinite, 1 became 0/);
  const { data } = decodeNpy(copy, "f");
  assert.deepEqual([...data].slice(3), [-0, Number.NaN, Number.POSITIVE_INFINITY]);
  const halves = Uint16Array.of(0x3c00, 0xc000, 0x7c00, 0x0001);
  const half = there(npy("<f2", false, [4], new Uint8Array(halves.buffer)), "--lossless", "--float32");
  assert.deepEqual([...decodeNpy(half.copy, "f").data], [1, -2, Number.POSITIVE_INFINITY, 2 ** -24]);
  assert.match(half.said, /float16 to float32: no value of 4 changed, each takes twice the bytes/);
  assert.doesNotMatch(
    there(npy("<f4", false, [60, 70], float32), "--lossless", "--float32").said,
    /to float32/,
  );
});

test("other types and headers are refused, and nothing is written", () => {
  for (const [file, message] of [
    [npy("<i4", false, [60, 70], float32), /expected float32, got <i4; save it with/],
    [npy("<f4", false, [Number.NaN], float32), /expected a header with 'descr'/],
    [npy("<c8", false, [60, 35], float32), /got <c8/],
    [npy("<f4", false, [60, 71], float32), /cut off/],
    [npy("<f4", false, [60, 70], float32).subarray(0, 40), /cut off/],
  ] as const) {
    writeFileSync(join(folder, "bad.npy"), file);
    const { status, stderr } = comet("compress", "bad.npy", "-o", "bad.cmt", "--bound", "1", "--float32");
    assert.equal(status, 1);
    assert.match(stderr, message);
    assert.throws(() => readFileSync(join(folder, "bad.cmt")));
  }
});
