import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { DataError, UsageError } from "../../src/error.js";
import {
  decodeSafetensors,
  encodeSafetensors,
  type NamedTensor,
  readSafetensors,
  writeSafetensors,
} from "../../src/files/safetensors.js";
import { seed } from "../arbitrary/seed.js";

const bitsOf = ({ shape, data }: NamedTensor) => ({
  shape,
  bits: new Uint32Array(data.buffer, data.byteOffset, data.length),
});

const tensor = fc
  .array(fc.nat(3), { maxLength: 4 })
  .chain((shape) =>
    fc
      .uint32Array({ minLength: product(shape), maxLength: product(shape) })
      .map((bits): NamedTensor => ({ shape, data: new Float32Array(bits.buffer) })),
  );
const name = fc.oneof(fc.string(), fc.constantFrom("__proto__", "toString", "conv1.weight"));
const file = fc.uniqueArray(fc.tuple(name, tensor), { selector: ([key]) => key, maxLength: 6 });

function product(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1);
}

/** A file with the given header text in front of `body`. */
function assemble(header: string, body: Uint8Array = new Uint8Array(0)): Uint8Array {
  const json = Buffer.from(header);
  const bytes = new Uint8Array(8 + json.length + body.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
  bytes.set(json, 8);
  bytes.set(body, 8 + json.length);
  return bytes;
}

const single = (dtype: string, shape: number[], body: Uint8Array) =>
  assemble(JSON.stringify({ w: { dtype, shape, data_offsets: [0, body.length] } }), body);

test("decode(encode(tensors)) has the same names, shapes and bits", () => {
  fc.assert(
    fc.property(file, fc.dictionary(fc.string(), fc.string()), (tensors, metadata) => {
      fc.pre(!Object.keys(metadata).includes("__proto__"));
      const got = decodeSafetensors(encodeSafetensors(tensors, metadata), "file");
      assert.deepEqual({ ...got.metadata }, { ...metadata });
      assert.deepEqual(
        [...got.tensors].map(([key, value]) => [key, bitsOf(value)]).sort(),
        tensors.map(([key, value]) => [key, bitsOf(value)]).sort(),
      );
    }),
    { seed, numRuns: 200 },
  );
});

test("tensors may be listed in another order than they lie in", () => {
  const body = new Uint8Array(Float32Array.of(1, 2, 3).buffer);
  const header = { b: entry(4, 12), none: entry(4, 4, [0]), a: entry(0, 4) };
  const { tensors } = decodeSafetensors(assemble(JSON.stringify(header), body), "file");
  assert.deepEqual(Object.fromEntries([...tensors].map(([key, { data }]) => [key, [...data]])), {
    b: [2, 3],
    none: [],
    a: [1],
  });
});

test("a file cut anywhere is refused", () => {
  const weights: NamedTensor = { shape: [2, 3], data: Float32Array.from([1, 2, 3, 4, 5, 6]) };
  const whole = encodeSafetensors([["w", weights]]);
  for (let length = 0; length < whole.length; length++) {
    assert.throws(() => decodeSafetensors(whole.subarray(0, length), "file"), DataError);
  }
});

test("every half, bfloat16 and integer becomes the float32 of the same value", () => {
  const all = Uint16Array.from({ length: 65536 }, (_, i) => i);
  const bytes = new Uint8Array(all.buffer);
  const read = (dtype: string, body = bytes, n = 65536) =>
    decodeSafetensors(single(dtype, [n], body), "file").tensors.get("w")!.data;

  // The value of a half, from its definition.
  const half = read("F16");
  for (const bits of all) {
    const [exponent, mantissa] = [(bits >> 10) & 31, bits & 1023];
    const magnitude =
      exponent === 31
        ? mantissa === 0
          ? Number.POSITIVE_INFINITY
          : Number.NaN
        : exponent === 0
          ? mantissa * 2 ** -24
          : (1024 + mantissa) * 2 ** (exponent - 25);
    assert.ok(Object.is(half[bits], bits & 0x8000 ? -magnitude : magnitude), `half 0x${bits.toString(16)}`);
  }
  const upper = new Uint32Array(read("BF16").buffer);
  assert.ok(upper.every((bits, i) => bits === i * 65536));
  assert.ok(read("U16").every((value, i) => value === i));
  assert.ok(read("I16").every((value, i) => value === (i << 16) >> 16));
  const longs = new BigInt64Array([0n, -3n, 1n << 24n]);
  assert.deepEqual([...read("I64", new Uint8Array(longs.buffer), 3)], [0, -3, 2 ** 24]);
});

test("a value that float32 does not hold is named", () => {
  for (const [dtype, values] of [
    ["I64", new BigInt64Array([1n, (1n << 53n) + 1n])],
    ["U32", new Uint32Array([1, 2 ** 24 + 1])],
    ["F64", new Float64Array([1, 0.1])],
  ] as const) {
    assert.throws(
      () => decodeSafetensors(single(dtype, [2], new Uint8Array(values.buffer)), "file"),
      /file: w: expected values that float32 holds exactly, got \S+ at index 1/,
    );
  }
});

const entry = (begin: number, end: number, shape = [(end - begin) / 4]) => ({
  dtype: "F32",
  shape,
  data_offsets: [begin, end],
});

for (const [what, bytes, message] of [
  ["a header longer than the file", Uint8Array.of(255, 0, 0, 0, 0, 0, 0, 1), /expected a header within/],
  ["a header that is no JSON", assemble("{nonsense"), /expected JSON, got other text/],
  ["a header that is no object", assemble("[]"), /expected a JSON object/],
  ["metadata that is no text", assemble('{"__metadata__":{"a":1}}'), /__metadata__: expected an object/],
  ["a null entry", assemble('{"w":null}'), /w: expected \{ dtype, shape, data_offsets \}/],
  [
    "no shape",
    assemble('{"w":{"dtype":"F32","data_offsets":[0,0]}}'),
    /w: shape: expected a list, got nothing/,
  ],
  ["half a size", single("F32", [0.5], new Uint8Array(2)), /w: shape\[0\]: expected a whole .* got 0.5/],
  [
    "a name twice",
    assemble(
      `{"w":${JSON.stringify(entry(0, 4))}, "\\u0077" : ${JSON.stringify(entry(0, 4))}}`,
      new Uint8Array(4),
    ),
    /file: w: expected each name once, got it twice/,
  ],
  [
    "nesting without end",
    assemble(`{"w":${"[".repeat(200_000)}${"]".repeat(200_000)}}`),
    /w: expected \{ dtype/,
  ],
  ["an unknown type", single("F8_E4M3", [4], new Uint8Array(4)), /w: expected one of the types .*F8_E4M3/],
  [
    "a negative size",
    single("F32", [-1], new Uint8Array(4)),
    /w: shape\[0\]: expected a whole number of at least 0, got -1/,
  ],
  ["a shape of another length", single("F32", [2], new Uint8Array(4)), /w: expected 8 bytes for F32 \[2\]/],
  ["offsets outside", assemble(JSON.stringify({ w: entry(0, 8) })), /expected 8 bytes of data, got 0/],
  [
    "an end before its begin, of a type that is not read",
    assemble(
      JSON.stringify({
        a: entry(0, 4),
        u: { dtype: "F4", shape: [2], data_offsets: [4, 0] },
        v: entry(0, 4),
      }),
      new Uint8Array(4),
    ),
    /u/,
  ],
  [
    "an overlap",
    assemble(JSON.stringify({ a: entry(0, 8), b: entry(4, 12) }), new Uint8Array(12)),
    /b: .*got an overlap/,
  ],
  [
    "a gap",
    assemble(JSON.stringify({ a: entry(0, 4), b: entry(8, 12) }), new Uint8Array(12)),
    /b: .*got a gap/,
  ],
  [
    "bytes behind the last tensor",
    assemble(JSON.stringify({ a: entry(0, 4) }), new Uint8Array(5)),
    /expected 4 bytes of data, got 5/,
  ],
] as const) {
  test(`${what}: refused by name`, () => {
    assert.throws(
      () => decodeSafetensors(bytes, "file"),
      (error) => error instanceof DataError && message.test(error.message),
    );
  });
}

test("a file is replaced whole or not at all", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "comet-"));
  t.after(() => rm(folder, { recursive: true }));
  const path = join(folder, "weights.safetensors");
  const weights: NamedTensor = { shape: [1], data: Float32Array.of(7) };
  await writeSafetensors(path, [["w", weights]], { model: "lenet" });
  assert.deepEqual(await readdir(folder), ["weights.safetensors"]);
  const { tensors, metadata } = await readSafetensors(path);
  assert.deepEqual(tensors.get("w"), weights);
  assert.deepEqual(metadata, { model: "lenet" });

  const before = await readFile(path);
  await assert.rejects(writeSafetensors(join(folder, "none", "w"), [["w", weights]]), UsageError);
  assert.throws(
    () =>
      encodeSafetensors([
        ["w", weights],
        ["w", weights],
      ]),
    /w: expected a name of its own/,
  );
  assert.deepEqual(await readFile(path), before);

  await assert.rejects(readSafetensors(join(folder, "missing")), DataError);
  await writeFile(join(folder, "empty"), "");
  await assert.rejects(readSafetensors(join(folder, "empty")), /empty: expected the 8-byte length/);
});
