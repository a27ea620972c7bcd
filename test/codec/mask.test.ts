/** Masked data: frames with holes, which are values that no integer stands for. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ByteReader, ByteWriter } from "../../src/codec/bytes.js";
import { decode, type EncodeOptions, encode } from "../../src/codec/index.js";
import * as reference from "../../src/codec/reference.js";
import { readMask, writeMask } from "../../src/codec/stages/mask.js";
import { createRng } from "../../src/rng.js";
import { seed } from "../arbitrary/seed.js";
import { bitsOf, keeps } from "../laws/codec.js";

const side = 256;
const smooth = Float32Array.from({ length: side * side }, (_, i) => {
  const [x, y] = [i % side, Math.floor(i / side)];
  return 2 * Math.sin(x / 20) * Math.cos(y / 15) + Math.sin((x + y) / 9);
});

/** Where holes are, for a share of all values. */
const masks: Record<string, (share: number) => (i: number) => boolean> = {
  scattered: (share) => {
    const random = createRng(seed).fork("mask");
    return () => random.uniform() < share;
  },
  columns: (share) => (i) => i % side >= 60 && i % side < 60 + share * side,
  disc: (share) => (i) => ((i % side) - 140) ** 2 + ((i >> 8) - 120) ** 2 < (share * side * side) / Math.PI,
};

function pierced(share: number, mask: string, fill: (i: number) => number): [Float32Array, number] {
  const isHole = masks[mask]!(share);
  let holes = 0;
  const x = smooth.map((value, i) => {
    if (!isHole(i)) return value;
    holes++;
    return fill(i);
  });
  return [x, holes / x.length];
}

const entropyOf = (p: number): number => -p * Math.log2(p) - (1 - p) * Math.log2(1 - p);

test("a mask comes back, in each of its forms", () => {
  const random = createRng(seed);
  const draw = (n: number, of: (i: number) => boolean) =>
    Uint8Array.from({ length: n }, (_, i) => Number(of(i)));
  const positions = [
    draw(1, () => true),
    draw(77, () => false),
    draw(64, () => true),
    draw(1000, () => random.uniform() < 0.4),
    draw(1000, () => random.uniform() < 0.01),
    draw(1000, (i) => i % 50 > 30),
    draw(999, (i) => i > 300 && i < 700),
    draw(20000, (i) => i > 3000),
  ];
  const seen = new Set<number>();
  for (const holes of positions) {
    const count = holes.reduce((sum, hole) => sum + hole, 0);
    for (const kinds of [1, 2, 3, 16, 40]) {
      for (const length of [1, 20]) {
        // `length` equal words in a row.
        const words = Uint32Array.from({ length: count }, (_, k) => Math.floor(k / length) % kinds);
        for (const lag of [0, 7, 50]) {
          const out = new ByteWriter(64 + holes.length + 8 * count);
          if (!writeMask(out, { holes, words }, lag, holes.length >> 4)) {
            assert.ok(kinds > 16 || count < 4 * kinds, "words that are neither few nor in a row");
            continue;
          }
          const bytes = out.written();
          seen.add(bytes[0]! & 3).add(bytes[0]! >> 2 ? 4 : 5);
          const input = new ByteReader(bytes);
          assert.deepEqual(readMask(input, holes.length, lag), { holes, words });
          assert.equal(input.at, bytes.length);
          for (let cut = 0; cut < bytes.length; cut += 7) {
            assert.throws(() => readMask(new ByteReader(bytes.subarray(0, cut)), holes.length, lag));
          }
        }
      }
    }
  }
  assert.deepEqual([...seen].sort(), [0, 1, 2, 4, 5]);
});

test("wasm gives the reference's bytes and bits for masked fields", () => {
  const fills = [Number.NaN, 1e20, Number.NEGATIVE_INFINITY, 3e38];
  for (const mask of Object.keys(masks)) {
    for (const share of [0.002, 0.05, 0.3, 0.97]) {
      for (const mode of ["fast", "dense"] as const) {
        for (const quantizer of ["support", "paper"] as const) {
          const [x] = pierced(share, mask, (i) => fills[share === 0.05 ? (i >> 4) % 4 : 0]!);
          const options: EncodeOptions = { bound: 1e-2, shape: [side, side], mode, quantizer };
          const frame = encode(x, options);
          assert.deepEqual(frame, reference.encode(x, options));
          const back = decode(frame);
          keeps(x, back, options);
          assert.deepEqual(bitsOf(reference.decode(frame)), bitsOf(back));
        }
      }
    }
  }
});

test("holes cost little more than an ideal mask, as NaN and as a fill value", () => {
  for (const mode of ["dense", "fast"] as const) {
    const options: EncodeOptions = { bound: 1e-2, shape: [side, side], mode };
    const bits = (8 * encode(smooth, options).length) / smooth.length;
    for (const fill of [Number.NaN, 1e20]) {
      for (const mask of Object.keys(masks)) {
        for (const share of [0.01, 0.05, 0.3]) {
          const [x, holes] = pierced(share, mask, () => fill);
          const ideal = bits * (1 - holes) + (mask === "scattered" ? entropyOf(holes) : 0);
          const reached = (ideal * x.length) / 8 / encode(x, options).length;
          assert.ok(reached > (mode === "dense" ? 0.8 : 0.6), `${mode} ${mask} ${share}: ${reached}`);
        }
      }
    }
  }
});

test("every seventh of a thousand values NaN: smaller than the bytes of the values", () => {
  const x = Float32Array.from({ length: 1000 }, (_, i) => (i % 7 === 3 ? Number.NaN : Math.sin(i / 20)));
  for (const mode of ["fast", "dense"] as const) {
    const frame = encode(x, { bound: 1e-2, mode });
    assert.ok(frame.length < x.byteLength / 4, `${frame.length} bytes`);
  }
});

test("of a smooth field, a frame has version 2 only if it has a mask", () => {
  for (const mode of ["fast", "dense"] as const) {
    const options: EncodeOptions = { bound: 1e-2, shape: [side, side], mode };
    assert.equal(encode(smooth, options)[3], 1);
    assert.equal(encode(pierced(0.05, "scattered", () => Number.NaN)[0], options)[3], 2);
    // A few raw values are listed, as they were before there were masks.
    const few = smooth.map((value, i) => (i % 9000 === 17 ? Number.NaN : value));
    assert.equal(encode(few, options)[3], 1);
  }
});
