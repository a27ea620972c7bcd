import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { DataError } from "../../src/error.js";
import { decodeNpy, encodeNpy } from "../../src/files/npy.js";
import { seed } from "../arbitrary/seed.js";

test("decode(encode(array)) has the same shape and bits, and values start at a multiple of 64 bytes", () => {
  const array = fc.array(fc.nat(4), { maxLength: 4 }).chain((shape) => {
    const length = shape.reduce((a, b) => a * b, 1);
    return fc
      .uint32Array({ minLength: length, maxLength: length })
      .map((bits) => ({ shape, data: new Float32Array(bits.buffer) }));
  });
  fc.assert(
    fc.property(array, ({ shape, data }) => {
      const bytes = encodeNpy({ shape, data });
      assert.equal((bytes.length - data.byteLength) % 64, 0);
      const got = decodeNpy(bytes, "file");
      assert.deepEqual(got.shape, shape);
      assert.deepEqual(new Uint32Array(got.data.buffer), new Uint32Array(data.buffer));
    }),
    { seed, numRuns: 200 },
  );
});

/** A file as numpy.save lays it out: the header is padded so that values start at byte 128. */
function file(
  descr: string,
  body: Uint8Array,
  { version = 1, order = "False", shape = "(1, 3)", start = 128 } = {},
): Uint8Array {
  const header = `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': ${shape}, }`;
  const lengthBytes = version === 1 ? 2 : 4;
  const padded = `${header.padEnd(start - 8 - lengthBytes - 1)}\n`;
  const length = Buffer.alloc(lengthBytes);
  length.writeUIntLE(padded.length, 0, lengthBytes);
  return Buffer.concat([
    Buffer.from("\x93NUMPY", "latin1"),
    Buffer.of(version, 0),
    length,
    Buffer.from(padded),
    body,
  ]);
}

const values = new Uint8Array(Float32Array.of(1, 2, 3).buffer);

test("one dimension is a tuple, as NumPy wants it", () => {
  const header = (shape: number[]) => {
    const data = new Float32Array(shape.reduce((product, size) => product * size, 1));
    return Buffer.from(encodeNpy({ shape, data })).toString("latin1");
  };
  assert.match(header([3]), /'shape': \(3,\), \}/);
  assert.match(header([3, 2]), /'shape': \(3, 2\), \}/);
  assert.match(header([]), /'shape': \(\), \}/);
});

test("arrays of other types and versions come back as float32", () => {
  const numbers = [1, -2, 3];
  for (const [descr, typed] of [
    ["<f4", Float32Array.from(numbers)],
    ["<f8", Float64Array.from(numbers)],
    ["<i4", Int32Array.from(numbers)],
    ["|i1", Int8Array.from(numbers)],
    ["<i8", BigInt64Array.from(numbers.map(BigInt))],
  ] as const) {
    for (const version of [1, 2, 3]) {
      const got = decodeNpy(file(descr, new Uint8Array(typed.buffer), { version }), "file");
      assert.deepEqual(got, { shape: [1, 3], data: Float32Array.from(numbers) });
    }
  }
  const long = file("<f4", values, { version: 2, start: 200_000 });
  assert.deepEqual(decodeNpy(long, "file"), { shape: [1, 3], data: Float32Array.of(1, 2, 3) });
  const scalar = decodeNpy(file("|u1", Uint8Array.of(9), { shape: "()" }), "file");
  assert.deepEqual(scalar, { shape: [], data: Float32Array.of(9) });
});

test("big-endian values and Fortran order come back as they are, in C order", () => {
  const swapped = (bytes: Uint8Array, width: number) =>
    Uint8Array.from(bytes, (_, i) => bytes[i - (i % width) + width - 1 - (i % width)]!);
  for (const [descr, numbers, width] of [
    ["f4", Float32Array.of(1.5, -2, 3), 4],
    ["f8", Float64Array.of(1.5, -2, 3), 8],
    ["i2", Int16Array.of(1, -2, 300), 2],
    ["i8", BigInt64Array.of(1n, -2n, 300n), 8],
  ] as const) {
    const bytes = new Uint8Array(numbers.buffer);
    const got = decodeNpy(file(`>${descr}`, swapped(bytes, width)), "file");
    assert.deepEqual(got, decodeNpy(file(`<${descr}`, bytes), "file"));
    assert.deepEqual([...got.data], [...numbers].map(Number));
  }
  // Of shape (2, 3, 4), with the first dimension fastest: value 100 i + 10 j + k at i, j, k.
  const data = new Float32Array(24);
  for (let n = 0; n < 24; n++) data[n] = 100 * (n % 2) + 10 * (Math.floor(n / 2) % 3) + Math.floor(n / 6);
  const { shape, data: turned } = decodeNpy(
    file("<f4", new Uint8Array(data.buffer), { order: "True", shape: "(2, 3, 4)" }),
    "file",
  );
  assert.deepEqual(shape, [2, 3, 4]);
  assert.deepEqual(
    [...turned],
    Array.from({ length: 24 }, (_, n) => 100 * Math.floor(n / 12) + 10 * (Math.floor(n / 4) % 3) + (n % 4)),
  );
  const empty = decodeNpy(file("<f4", new Uint8Array(0), { order: "True", shape: "(2, 0)" }), "file");
  assert.deepEqual(empty, { shape: [2, 0], data: new Float32Array(0) });
});

for (const [what, bytes, message] of [
  ["another format", Buffer.from("PK\x03\x04 and so on and on"), /expected a file that starts with/],
  ["version 4", file("<f4", values, { version: 4 }), /expected .npy version 1, 2 or 3, got version 4/],
  ["a cut header", file("<f4", values).subarray(0, 60), /expected a header of 118 bytes, got 50/],
  ["a header without shape", file("<f4", values, { shape: "None" }), /expected a header with 'descr'/],
  ["a shape that is none", file("<f4", values, { shape: "(abc,)" }), /expected a header with 'descr'/],
  ["a negative size", file("<f4", values, { shape: "(-1, 3)" }), /expected a header with 'descr'/],
  [
    "sizes that overflow",
    file("<f4", values, { shape: "(4294967296, 4294967296)" }),
    /a shape that a file can hold/,
  ],
  ["complex numbers", file("<c8", values), /expected numbers, such as f4 .* got <c8/],
  ["a type without an order", file("f4", values), /expected numbers, such as f4 .* got f4/],
  ["one byte with an order", file("<u1", values, { shape: "(12,)" }), /got <u1/],
  ["too few values", file("<f4", values.subarray(0, 11)), /expected 12 bytes of <f4 \(1, 3\), got 11/],
  [
    "too many values",
    file("<f4", Buffer.concat([values, values])),
    /expected 12 bytes of <f4 \(1, 3\), got 24/,
  ],
  [
    "a value beyond float32",
    file("<f8", new Uint8Array(Float64Array.of(1, 0.1, 3).buffer)),
    /got 0.1 at index 1/,
  ],
] as const) {
  test(`${what}: refused`, () => {
    assert.throws(
      () => decodeNpy(bytes, "a.npy"),
      (error) =>
        error instanceof DataError && error.message.startsWith("a.npy: ") && message.test(error.message),
    );
  });
}
