/** What callers hand in: views into memory that others use too, arrays of other types, and calls from within calls. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import {
  BoundError,
  decode,
  decodeInto,
  encode,
  encodeInto,
  frameCapacity,
  inspect,
  numcodec,
  ShapeError,
  UsageError,
} from "../../src/codec/index.js";
import * as reference from "../../src/codec/reference.js";
import { seed } from "../arbitrary/seed.js";

const bytesOf = (x: Float32Array) => new Uint8Array(x.buffer, x.byteOffset, x.byteLength);

/** The same bytes as views of larger memory: at any offset, and as Buffers, which share a pool. */
function viewsOf(bytes: Uint8Array, offset: number): Uint8Array[] {
  const around = new Uint8Array(bytes.length + offset + 9).fill(0xa5);
  around.set(bytes, offset);
  const view = around.subarray(offset, offset + bytes.length);
  const pooled = Buffer.allocUnsafe(bytes.length);
  pooled.set(bytes);
  return [view, pooled, Buffer.from(bytes), Buffer.from(around.buffer, offset, bytes.length)];
}

test("numcodec takes the bytes of a view, and no others: Buffers of a pool, any offset", () => {
  const codec = numcodec({ lossless: true });
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(40), (start, offset) => {
      const bytes = start.subarray(0, start.length & ~3);
      for (const view of viewsOf(bytes, offset)) {
        const frame = codec.encode(view);
        assert.deepEqual(frame, codec.encode(bytes.slice()));
        for (const own of viewsOf(frame, offset)) {
          assert.deepEqual(codec.decode(own), bytes.slice());
          assert.deepEqual(inspect(own).shape, [bytes.length / 4]);
          assert.deepEqual(bytesOf(reference.decode(own)), bytes.slice());
        }
      }
    }),
    { seed, numRuns: 100 },
  );
  assert.equal(
    codec.decode(codec.encode(Buffer.from([0, 0, 128, 63, 0, 0, 0, 64, 0, 0, 64, 64]))).length,
    12,
  );
  assert.throws(() => codec.encode(Buffer.from([1, 2, 3])), ShapeError);
});

test("values and targets at any offset of larger memory; nothing around a target changes", () => {
  const all = Float32Array.from({ length: 3000 }, (_, i) => Math.sin(i / 50));
  for (const mode of ["fast", "dense"] as const) {
    const x = all.subarray(7, 2507);
    const options = { bound: 1e-3, mode, shape: [50, 50] };
    const frame = encode(x, options);
    assert.deepEqual(frame, encode(x.slice(), options));
    for (const room of [frame.length, frameCapacity(x.length)]) {
      const around = new Uint8Array(room + 20).fill(0xa5);
      assert.deepEqual(encodeInto(x, around.subarray(3, 3 + room), options), {
        read: x.length,
        written: frame.length,
      });
      assert.deepEqual(around.slice(3, 3 + frame.length), frame);
      assert.ok(around.subarray(0, 3).every((byte) => byte === 0xa5));
      assert.ok(around.subarray(3 + room).every((byte) => byte === 0xa5));
    }
    const values = new Float32Array(2600).fill(7);
    assert.deepEqual(decodeInto(frame, values.subarray(5, 2505)), { read: frame.length, written: 2500 });
    assert.deepEqual(values.slice(5, 2505), decode(frame));
    assert.ok([...values.slice(0, 5), ...values.slice(2505)].every((value) => value === 7));
  }
});

test("no source of ours takes the buffer behind a view that somebody else made", () => {
  const root = new URL("../../../src/", import.meta.url);
  for (const name of readdirSync(root, { recursive: true, encoding: "utf8" }).filter((n) =>
    n.endsWith(".ts"),
  )) {
    const text = readFileSync(new URL(name.replaceAll("\\", "/"), root), "utf8");
    // A Buffer's `slice` and `subarray` share its memory, as they do for no other typed array.
    assert.doesNotMatch(text, /\.(slice|subarray)\([^()]*\)\.buffer/, name);
  }
});

test("arrays of other types, and detached ones, are refused", () => {
  const x = Float32Array.of(1, 2, 3);
  const frame = encode(x, { bound: 1e-3 });
  const wrong = (value: unknown) => value as never;
  for (const other of [
    Float64Array.of(1, 2, 3),
    [1, 2, 3],
    frame.buffer,
    Int32Array.of(1),
    "x",
    null,
    undefined,
  ]) {
    assert.throws(() => encode(wrong(other), { bound: 1e-3 }), UsageError);
    assert.throws(() => encodeInto(wrong(other), new Uint8Array(999), { bound: 1e-3 }), UsageError);
    assert.throws(() => decodeInto(frame, wrong(other)), UsageError);
    assert.throws(() => decode(wrong(other)), UsageError);
    assert.throws(() => encodeInto(x, wrong(other), { bound: 1e-3 }), UsageError);
    assert.throws(() => inspect(wrong(other)), UsageError);
    assert.throws(() => numcodec({ bound: 1 }).encode(wrong(other)), UsageError);
  }
  // The order that TextEncoder.encodeInto has: the source first.
  assert.throws(() => encodeInto(wrong(new Uint8Array(999)), wrong(x), { bound: 1e-3 }), UsageError);
  const gone = Float32Array.of(1, 2, 3);
  const goneBytes = frame.slice();
  structuredClone(null, { transfer: [gone.buffer, goneBytes.buffer] });
  assert.throws(() => encode(gone, { bound: 1 }), /encode values: expected .* got a detached one/);
  assert.throws(() => decodeInto(frame, gone), UsageError);
  assert.throws(() => decode(goneBytes), UsageError);
  assert.throws(() => encodeInto(x, goneBytes, { bound: 1 }), UsageError);
  const shrinking = new ArrayBuffer(64, { maxByteLength: 64 });
  const behind = new Float32Array(shrinking, 32, 4);
  shrinking.resize(16);
  assert.throws(() => encode(behind, { bound: 1 }), UsageError);
  assert.equal(decode(encode(new Float32Array(0), { bound: 1 })).length, 0);
});

test("options of other types are refused, not converted", () => {
  const x = Float32Array.of(1, 2, 3);
  for (const [options, kind] of [
    [{ bound: "1e-3" }, BoundError],
    [{ bound: 1e-3, negativeBound: "1e-3" }, BoundError],
    [{ relative: "0.1" }, BoundError],
    [{ bound: null }, BoundError],
    [{ bound: [1] }, BoundError],
    [{ bound: 1n }, BoundError],
    [undefined, BoundError],
    [{ bound: 1, lossless: "no" }, UsageError],
    [{ bound: 1, seed: "7" }, UsageError],
    [{ bound: 1, seed: 1.5 }, UsageError],
    [{ bound: 1, seed: Number.NaN }, UsageError],
    [{ bound: 1, shape: "3" }, UsageError],
    [{ bound: 1, shape: 3 }, UsageError],
    [{ bound: 1, shape: ["3"] }, ShapeError],
    [{ bound: 1, mode: "quick" }, UsageError],
  ] as const) {
    assert.throws(() => encode(x, options as never), kind, JSON.stringify(String(options)));
    assert.throws(() => encodeInto(x, new Uint8Array(999), options as never), kind);
  }
  assert.throws(() => encode(x, { bound: "1e-3" as never }), /got the string "1e-3"/);
});

test("a source and a target with a common byte are refused, neighbours are not", () => {
  const memory = new ArrayBuffer(4096);
  const x = new Float32Array(memory, 1024, 100).fill(2);
  const options = { bound: 1e-3 };
  const capacity = frameCapacity(100);
  for (const start of [1024, 1024 + 396, 1024 - capacity + 1]) {
    assert.throws(() => encodeInto(x, new Uint8Array(memory, start, capacity), options), /do not overlap/);
  }
  assert.throws(() => encodeInto(x, new Uint8Array(memory, 1100, 60), options), UsageError);
  assert.ok(x.every((value) => value === 2));
  const behind = new Uint8Array(memory, 1424, capacity);
  const { written: bytes } = encodeInto(x, behind, options);
  assert.deepEqual(behind.slice(0, bytes), encode(x, options));
  encodeInto(x, new Uint8Array(memory, 1024 - capacity, capacity), options);
  const frame = behind.subarray(0, bytes);
  assert.throws(() => decodeInto(frame, new Float32Array(memory, 1028, 100)), UsageError);
  assert.deepEqual(decodeInto(frame, x), { read: frame.length, written: 100 });
});

test("a call from within another is an error, and the codec works on", () => {
  const x = Float32Array.from({ length: 40000 }, (_, i) => Math.sin(i / 50));
  const expected = encode(x, { bound: 1e-3 });
  const inner = [
    () => encode(Float32Array.of(9), { lossless: true }),
    () => decode(expected),
    () => encodeInto(Float32Array.of(9), new Uint8Array(999), { lossless: true }),
    () => decodeInto(expected, new Float32Array(40000)),
    () => numcodec({ lossless: true }).encode(new Uint8Array(4)),
  ];
  for (const call of inner) {
    const getter = {
      get bound() {
        call();
        return 1e-3;
      },
    };
    class Meddling extends Float32Array {
      override subarray(first?: number, last?: number) {
        call();
        return super.subarray(first, last);
      }
    }
    const decoding = {
      get reZero() {
        call();
        return false;
      },
    };
    for (const outer of [
      () => encode(x, getter),
      () => encodeInto(x, new Uint8Array(frameCapacity(x.length)), getter),
      () => encode(Meddling.from(x), { bound: 1e-3 }),
      () => decode(expected, decoding),
    ]) {
      assert.throws(
        outer,
        (error) => error instanceof UsageError && /one call of the codec at a time/.test(error.message),
      );
      assert.deepEqual(encode(x, { bound: 1e-3 }), expected);
    }
  }
});

test("each option is read once", () => {
  let reads = 0;
  const options = {
    get bound() {
      return ++reads === 1 ? 1e-3 : 1e30;
    },
  };
  assert.equal(
    inspect(encode(new Float32Array(9).fill(3), options)).bound,
    inspect(encode(new Float32Array(9), { bound: 1e-3 })).bound,
  );
  assert.equal(reads, 1);
});
