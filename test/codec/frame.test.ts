/** The header of a frame: each field is checked, and an error names the field. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Bin, bin } from "../../src/codec/bound.js";
import { checksum } from "../../src/codec/checksum.js";
import { sealHeader, writeHeader } from "../../src/codec/frame.js";
import { decode, encode, FrameError, inspect } from "../../src/codec/index.js";
import * as reference from "../../src/codec/reference.js";

/** Every function that reads a header. */
const readers = [inspect, decode, reference.decode];

function refused(frame: Uint8Array, message: RegExp): void {
  for (const read of readers) {
    assert.throws(
      () => read(frame),
      (error) => error instanceof FrameError && message.test(error.message),
    );
  }
}

/** The header of a frame with one byte of payload, and the right checksum. */
function frameOf(shape: number[], side: Bin = bin(1), negative: Bin = side): Uint8Array {
  const quantization = { quantizer: "support", positive: side, negative, seed: 0 } as const;
  const frame = Uint8Array.of(...writeHeader({ mode: "fast", shape, quantization }), 0);
  sealHeader(frame, frame.length, checksum);
  return frame;
}

test("a shape of 2^32 values or more is refused", () => {
  for (const shape of [[2 ** 32], [2 ** 16, 2 ** 16], [3, 2 ** 31], [2 ** 48, 2 ** 48, 2 ** 48]]) {
    refused(frameOf(shape), /^shape: expected fewer than 2\^32 values/);
  }
  assert.deepEqual(inspect(frameOf([2 ** 32 - 1])).shape, [2 ** 32 - 1]);
  assert.deepEqual(inspect(frameOf([0, 2 ** 40])).shape, [0, 2 ** 40]);
});

test("a bound outside 2^-120 to 2^126 is refused", () => {
  assert.equal(inspect(frameOf([1], bin(2 ** 126))).bound, 2 ** 126);
  assert.equal(inspect(frameOf([1], bin(2 ** -120))).bound, 2 ** -120);
  for (const bound of [2 ** 127, Number.POSITIVE_INFINITY, Number.NaN, 0, -1, 2 ** -121]) {
    const odd = { bound, step: 1, inverse: 1 };
    refused(frameOf([1], odd, odd), /^bound: expected 2\^-120 to 2\^126/);
    if (!Number.isNaN(bound)) refused(frameOf([1], bin(1), odd), /^negative bound: expected/);
  }
});

test("unknown bits of the layout are refused", () => {
  for (const bit of [5, 6, 7]) {
    const frame = frameOf([1]);
    frame[12]! |= 1 << bit;
    sealHeader(frame, frame.length, checksum);
    refused(frame, /^layout: expected zeros in bits 5, 6 and 7/);
  }
});

test("bytes behind a frame are refused, and so is a frame with fewer bytes than it says", () => {
  const frame = encode(Float32Array.of(1, 2, 3), { bound: 0.1 });
  for (const bytes of [Uint8Array.of(...frame, 0), frame.subarray(0, -1)]) {
    refused(
      bytes,
      new RegExp(`^frame bytes: expected ${bytes.length}, the number of bytes given, got ${frame.length}`),
    );
  }
});

test("a changed byte is found by the checksum, and named so", () => {
  const frame = encode(Float32Array.of(1, 2, 3), { bound: 0.1 });
  for (let i = 12; i < frame.length; i++) {
    const damaged = frame.slice();
    damaged[i]! ^= 0x40;
    refused(damaged, /^checksum: /);
  }
});

test("a frame of any length says its length", () => {
  for (const length of [0, 1, 20_000, 100_000]) {
    const x = Float32Array.from({ length }, (_, i) => Math.sin(i * i));
    for (const frame of [encode(x, { lossless: true }), reference.encode(x, { lossless: true })]) {
      assert.ok(length < 20_000 || frame.length > 2 ** 16);
      assert.equal(inspect(frame).frameBytes, frame.length);
      assert.deepEqual(decode(frame), x);
    }
  }
});
