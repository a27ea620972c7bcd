/** Dense mode in half steps: the reference's bytes and bits, the bound, and what it is refused for. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Bin } from "../../src/codec/bound.js";
import { checksum } from "../../src/codec/checksum.js";
import { readHeader } from "../../src/codec/frame.js";
import { decode, encode, FrameError } from "../../src/codec/index.js";
import * as reference from "../../src/codec/reference.js";
import { inHalves } from "../../src/codec/stages/predict.js";
import { createRng } from "../../src/rng.js";
import { specials } from "../arbitrary/float.js";
import { seed } from "../arbitrary/seed.js";
import { keeps } from "../laws/codec.js";
import { sweepHalves } from "../laws/halves.js";

const modelByte = (frame: Uint8Array): number => frame[readHeader(frame, checksum).payload]!;

/** Valleys with flat ground and slow slopes against the bound of 1, and some noise; some pierced by special values. */
function valleys(shape: readonly number[], slope: number, noise: number, pierced: boolean): Float32Array {
  const random = createRng(seed);
  const [, height, width] = shape as [number, number, number];
  const odd = new Float32Array(Uint32Array.from(specials).buffer);
  return Float32Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => {
    if (pierced && i % 997 === 500) return odd[i % odd.length]!;
    const [x, y] = [i % width, Math.floor(i / width) % height];
    const away = Math.abs(x - width / 2) + 1.1 * Math.abs(y - 9) - 6;
    return Math.max(0, slope * away) + noise * (random.uniform() - 0.5);
  });
}

test("half steps: wasm gives the reference's bytes and bits within the bound, whatever the width, escapes among them", () => {
  const seen = new Set<number>();
  for (const width of [4, 7, 8, 9, 16, 28, 33, 130]) {
    for (const slope of [0.11, 0.4, 0.8]) {
      for (const pierced of [false, true]) {
        const shape = [17, 21, width];
        const x = valleys(shape, slope, 0.5, pierced);
        const options = { bound: 1, shape, mode: "dense", quantizer: "paper" } as const;
        const frame = encode(x, options);
        assert.deepEqual(frame, reference.encode(x, options));
        const back = decode(frame);
        keeps(x, back, options);
        assert.deepEqual(new Uint32Array(reference.decode(frame).buffer), new Uint32Array(back.buffer));
        seen.add(modelByte(frame) & 7);
      }
    }
  }
  assert.ok(seen.has(5) && seen.has(6), `models seen: ${[...seen]}`);
});

test("half steps make slow slopes with noise cheaper than whole ones", () => {
  const random = createRng(seed);
  const x = Float32Array.from(
    { length: 65536 },
    (_, i) => 0.1 * (Math.abs((i % 64) - 32) + (Math.floor(i / 64) % 64)) + random.uniform(),
  );
  const options = { bound: 1, shape: [16, 64, 64], mode: "dense" } as const;
  const halves = encode(x, { ...options, quantizer: "paper" });
  assert.ok(inHalves(modelByte(halves) & 7));
  const whole = encode(x, { ...options, quantizer: "support" });
  assert.ok(halves.length * 1.5 < whole.length, `${halves.length} against ${whole.length}`);
});

test("a frame of another quantizer in half steps is damaged", () => {
  const shape = [17, 21, 28];
  const frame = encode(valleys(shape, 0.11, 0.5, false), { bound: 1, shape, mode: "dense" });
  const at = readHeader(frame, checksum).payload;
  frame[at] = (frame[at]! & ~7) | 5;
  new DataView(frame.buffer).setUint32(4, checksum(frame.subarray(8)), true);
  for (const read of [decode, reference.decode]) {
    assert.throws(
      () => read(frame),
      (error) => error instanceof FrameError && error.where === "model",
    );
  }
});

test("both integers beside a value lie within the bound, swept; rounding instead of flooring is caught", () => {
  // Two binades in which integers are large, and one at a bin's size: all 2^32 in `npm run verify`.
  for (const [bound, from] of [
    [0.125, 0x43000000],
    [Math.fround(1e-3), 0xbf000000],
    [1, 0x3f780000],
  ] as const) {
    const to = from + 2 ** 20;
    const { violations, raw, worst } = sweepHalves(from, to, bound);
    assert.deepEqual([violations, raw], [[], 0]);
    assert.ok(worst > 0.99);
    const rounded = (x: number, { inverse }: Bin) => Math.round(x * 2 * inverse);
    assert.notDeepEqual(sweepHalves(from, to, bound, rounded).violations, []);
  }
});
