/** Dense mode's predictor with zeros apart: what a ReLU leaves, under a fine bound. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { checksum } from "../../src/codec/checksum.js";
import { readHeader } from "../../src/codec/frame.js";
import { decode, type EncodeOptions, encode, FrameError } from "../../src/codec/index.js";
import * as reference from "../../src/codec/reference.js";
import { createRng } from "../../src/rng.js";
import { seed } from "../arbitrary/seed.js";
import { bitsOf, keeps } from "../laws/codec.js";

const modelAt = (frame: Uint8Array): number => readHeader(frame, checksum).payload;

/** Hills with noise, and a ReLU behind it: zeros beside values that are far from zero. */
function rectified(shape: readonly number[], noise: number): Float32Array {
  const random = createRng(seed);
  const width = shape.at(-1)!;
  return Float32Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) =>
    Math.max(0, Math.sin((i % width) / 3) + Math.cos(i / width / 5) + noise * (random.uniform() - 0.5)),
  );
}

test("zeros apart: wasm gives the reference's bytes and bits within the bound, whatever the width, low bits, holes", () => {
  let used = 0;
  for (const width of [7, 8, 13, 28, 130]) {
    for (const bound of [2e-2, 1e-3, 1e-4]) {
      for (const quantizer of ["support", "paper", "signed"] as const) {
        for (const pierced of [false, true]) {
          const shape = [9, 40, width];
          const x = rectified(shape, 0.2).map((value, i) => (pierced && i % 11 < 2 ? Number.NaN : value));
          const options: EncodeOptions = { bound, shape, mode: "dense", quantizer, seed: 3 };
          const frame = encode(x, options);
          assert.deepEqual(frame, reference.encode(x, options));
          const back = decode(frame);
          keeps(x, back, options);
          assert.deepEqual(bitsOf(reference.decode(frame)), bitsOf(back));
          if ((frame[modelAt(frame)]! & 7) !== 7) continue;
          used++;
          assert.equal(frame[3], 2, "a frame of version 2");
        }
      }
    }
  }
  assert.ok(used > 40, `${used} frames used it`);
});

test("a frame of version 1 with this predictor is damaged", () => {
  const shape = [9, 40, 28];
  const frame = encode(rectified(shape, 0.2), { bound: 1e-3, shape, mode: "dense" });
  assert.equal(frame[modelAt(frame)]! & 7, 7);
  frame[3] = 1;
  for (const read of [decode, reference.decode]) {
    assert.throws(
      () => read(frame),
      (error) => error instanceof FrameError && error.where === "model",
    );
  }
});

test("values beyond half of the 16-bit range are raw, and no others", () => {
  const shape = [4, 64, 64];
  const x = rectified(shape, 0.2);
  const step = 2 - 2 ** -8;
  for (const [i, k] of [16383, 16384, -16383, -16384, 20000, 16000].entries())
    x[5000 + 97 * i] = k * step * 1e-3;
  const options: EncodeOptions = { bound: 1e-3, shape, mode: "dense", quantizer: "paper" };
  const frame = encode(x, options);
  assert.equal(frame[modelAt(frame)]! & 7, 7);
  assert.deepEqual(frame, reference.encode(x, options));
  keeps(x, decode(frame), options);
  assert.equal(reference.anatomy(frame).escapes, 3);
});
