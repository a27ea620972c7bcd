/** Frames that no encoder wrote. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { decode, encode, FrameError } from "../../src/codec/index.js";
import { instantiate } from "../../src/codec/instantiate.js";
import * as reference from "../../src/codec/reference.js";
import { seed } from "../arbitrary/seed.js";
import { arena, stillWorks, survivesMutation } from "../laws/hostile.js";

test("100,000 mutated and truncated frames: a value or a FrameError, and no byte outside the buffers", (t) => {
  const memory = new WebAssembly.Memory({ initial: 32, maximum: 65536 });
  const decoder = arena(instantiate(memory), memory);
  const { accepted, rejected } = survivesMutation(decoder, 100_000, seed);
  stillWorks(decoder);
  t.diagnostic(
    `seed ${seed}: ${accepted} decoded to something, ${[...rejected].map(([f, n]) => `${f} ${n}`).join(", ")}`,
  );
  assert.ok(rejected.size >= 10, "damage reaches many fields");
  assert.ok(accepted > 1000, "some damage gives another frame");
});

test("a decoder that writes one value too many is caught", () => {
  const memory = new WebAssembly.Memory({ initial: 32, maximum: 65536 });
  const exports = instantiate(memory);
  const decodeFast = exports.decodeFast as (...args: number[]) => number;
  const careless = {
    ...exports,
    decodeFast(...args: number[]) {
      new Uint8Array(memory.buffer)[args[3]! + 4 * args[4]!] = 0;
      return decodeFast(...args);
    },
  };
  assert.throws(() => survivesMutation(arena(careless, memory), 1000, seed), /wrote behind/);
});

test("every single-bit flip and every truncation of a frame is a FrameError", () => {
  const x = Float32Array.from({ length: 1100 }, (_, i) => Math.max(0, Math.sin(i / 5)));
  for (const options of [
    { bound: 1e-2, shape: [10, 110] },
    { bound: 0.2, mode: "dense" },
  ] as const) {
    const frame = encode(x, options);
    for (let bit = 0; bit < 8 * frame.length; bit++) {
      const damaged = frame.slice();
      damaged[bit >> 3]! ^= 1 << (bit & 7);
      assert.throws(() => decode(damaged), FrameError);
    }
    for (let length = 0; length < frame.length; length++) {
      assert.throws(() => decode(frame.subarray(0, length)), FrameError);
      if (length % 16 === 0) assert.throws(() => reference.decode(frame.subarray(0, length)), FrameError);
    }
  }
});

test("a small frame cannot ask for a large tensor", () => {
  const frame = encode(new Float32Array(4), { bound: 1, shape: [4] });
  frame[14] = 0xff;
  const view = new DataView(frame.buffer);
  view.setUint32(4, 0);
  assert.throws(() => decode(frame), FrameError);
});
