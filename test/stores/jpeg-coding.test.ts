/** JPEG-ACT's parts: known answers, the transform against cosine sums, codings that give back every byte. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createEngine } from "../../src/engine/engine.js";
import { Tensor } from "../../src/engine/tensor.js";
import { blocksOf, mostBits, symbols } from "../../src/kernels/jpeg.js";
import { referenceKernels } from "../../src/kernels/reference.js";
import { codingNamed, codings } from "../../src/stores/jpeg/coding.js";
import { JpegFrames, scaleOf } from "../../src/stores/jpeg/frames.js";
import {
  codedBytes,
  codeLengths,
  codesOf,
  readLengths,
  writeLengths,
} from "../../src/stores/jpeg/huffman.js";
import { optH, optL, tableOfQuality } from "../../src/stores/jpeg/tables.js";
import { data } from "../arbitrary/data.js";
import { seed } from "../arbitrary/seed.js";
import { coefficients } from "../laws/jpeg.js";

console.log(`seed ${seed}`);
const options = { seed, numRuns: 100 };
const engines = (["reference", "simd"] as const).map((kernels) => createEngine({ memory: "16MiB", kernels }));

/** x[r][c] = (r + 2c)/21: the block of which the answers below are known (direct cosine sums). */
const ramp = Float32Array.from({ length: 64 }, (_, i) => ((i >> 3) + 2 * (i & 7)) / 21);
const block = { N: 1, C: 1, H: 8, W: 8 };
const scale = Float32Array.of(scaleOf(1));

const signed = (bytes: Uint8Array) => [...new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length)];

/** The coefficients that are not zero, as [row, column, value]. */
function transform(table: readonly number[]): [number, number, number][] {
  const k = new Uint8Array(64);
  referenceKernels.dctForward(k, ramp, scale, table, block);
  return signed(k).flatMap((value, i) => (value ? [[i >> 3, i & 7, value] as [number, number, number]] : []));
}

test("the scaled integers are the known ones", () => {
  const q = new Uint8Array(64);
  referenceKernels.quantizeChannels(q, ramp, scale, { N: 1, C: 1, size: 64 });
  assert.deepEqual([...q.subarray(0, 8)], [0, 14, 27, 41, 55, 69, 82, 96]);
  assert.deepEqual([...q.subarray(56)], [48, 62, 75, 89, 103, 117, 127, 127]);
});

test("the coefficients under each table are the known ones", () => {
  assert.deepEqual(transform(optL), [
    [0, 0, 71],
    [0, 1, -30],
    [0, 3, -2],
    [1, 0, -15],
    [3, 0, -1],
  ]);
  assert.deepEqual(transform(optH), [
    [0, 0, 71],
    [0, 1, -7],
    [1, 0, -3],
  ]);
  const values = transform(tableOfQuality(80)).map(([, , value]) => value);
  assert.equal(values.length, 9);
  assert.deepEqual(values.slice(0, 2), [95, -61]);
});

test("the frames have the known lengths, and decode to the known values", () => {
  for (const engine of engines) {
    const x = Tensor.from(engine, ramp, [1, 1, 8, 8]);
    for (const [table, bytes, row, most] of [
      [optL, 13, [5, 14, 28, 42, 56, 70, 84, 93], 0.0487],
      [optH, 11, [16, 21, 32, 47, 62, 76, 87, 93], 0.125],
    ] as const) {
      const before = engine.device.ledger.live.saved;
      const frames = JpegFrames.pack(x, "here", { table, coding: "zvc" })!;
      // Beside the coding: a head of one byte, and the scale of the channel.
      assert.equal(frames.bytes, bytes + 1 + 4);
      const y = frames.range(0, 1);
      assert.deepEqual(
        [...y.data.subarray(0, 8)].map((value) => Math.round(value * 32 * scale[0]!)),
        [...row],
      );
      assert.ok(Math.max(...y.data.map((value, i) => Math.abs(value - ramp[i]!))) < most);
      y.dispose();
      frames.free();
      assert.equal(engine.device.ledger.live.saved, before);
    }
    x.dispose();
  }
});

test("the transform is the orthonormal cosine transform, and the inverse is its inverse", () => {
  const basis = (u: number, i: number) =>
    (u === 0 ? Math.sqrt(1 / 8) : 0.5) * Math.cos(((2 * i + 1) * u * Math.PI) / 16);
  const ones = Array<number>(64).fill(1);
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -15, max: 15 }), { minLength: 64, maxLength: 64 }), (values) => {
      const k = new Uint8Array(64);
      referenceKernels.dctForward(k, Float32Array.from(values), Float32Array.of(1 / 32), ones, block);
      const exact = (u: number, v: number) =>
        values.reduce((sum, x, i) => sum + x * basis(u, i >> 3) * basis(v, i & 7), 0);
      const found = signed(k);
      for (let i = 0; i < 64; i++) {
        assert.ok(Math.abs(found[i]! - exact(i >> 3, i & 7)) < 0.5001, `coefficient ${i}`);
      }
      const back = new Float32Array(64);
      referenceKernels.dctInverse(back, k, Float32Array.of(1 / 32), ones, block, false);
      // An orthonormal map keeps lengths: 64 errors of at most ½ in the coefficients, and then ½ of the last rounding.
      const length = Math.hypot(...back.map((value, i) => value - values[i]!));
      assert.ok(length <= 4 + 4, `the error has length ${length}`);
    }),
    options,
  );
});

test("sides that are no multiples of 8 are filled with zeros at the top and left, and every value comes back", () => {
  const ones = Array<number>(64).fill(1);
  const shape = { N: 2, C: 3, H: 10, W: 11 };
  assert.deepEqual(blocksOf(shape), { down: 8, across: 2, top: 4, left: 5, values: 1024 });
  const x = Float32Array.from({ length: 660 }, (_, i) => ((i * 7) % 29) - 14);
  const [k, back] = [new Uint8Array(1024), new Float32Array(660)];
  const scales = Float32Array.of(1 / 32, 1 / 32, 1 / 32);
  referenceKernels.dctForward(k, x, scales, ones, shape);
  referenceKernels.dctInverse(back, k, scales, ones, shape, false);
  assert.ok(x.every((value, i) => Math.abs(value - back[i]!) <= 3));
});

for (const coding of codings) {
  test(`${coding.name} gives back every byte`, () => {
    for (const engine of engines) {
      const { device } = engine;
      fc.assert(
        fc.property(fc.integer({ min: 0, max: 6 }), data, (blocks, d) => {
          const n = 64 * blocks + (coding.name === "huffman" ? 0 : d.below(64));
          const [q, back] = [0, 1].map(() => device.allocate(n, "activations", "test"));
          device.u8(q!).set(coefficients(n, d));
          const coded = coding.measure(engine, "test", device.u8(q!), (bytes, write) => {
            const to = device.allocate(bytes, "saved", "test");
            write(device.u8(to));
            return to;
          });
          coding.decode(engine, "test", device.u8(back!), device.u8(coded));
          assert.deepEqual(device.u8(back!), device.u8(q!));
          for (const each of [q!, back!, coded]) device.free(each);
        }),
        options,
      );
    }
  });
}

test("a Huffman code fits into 12 bits, can be decoded, and takes the bytes that were announced", () => {
  const fibonacci = new Float32Array(symbols);
  for (let i = 0, [a, b] = [1, 1]; i < 30; i++, [a, b] = [b, a + b]) fibonacci[16 * (i >> 3) + (i & 7)] = a;
  fc.assert(
    fc.property(data, (d) => {
      const counts = d.below(4) === 0 ? fibonacci : new Float32Array(symbols);
      if (counts !== fibonacci)
        referenceKernels.runLengthCounts(counts, coefficients(64 * (1 + d.below(9)), d));
      const lengths = codeLengths(counts);
      assert.ok(lengths.every((length, symbol) => length <= mostBits && length > 0 === counts[symbol]! > 0));
      assert.ok(lengths.reduce((sum, length) => sum + (length ? 2 ** -length : 0), 0) <= 1);
      const codes = new Float32Array(symbols);
      codesOf(lengths, codes);
      const texts = [...codes].flatMap((code) =>
        code ? [(code >> 4).toString(2).padStart(code & 15, "0")] : [],
      );
      for (const a of texts) assert.equal(texts.filter((b) => b.startsWith(a)).length, 1, "a prefix code");
      assert.ok(codedBytes(counts, lengths) > 0);
      const written = new Uint8Array(72);
      writeLengths(written, lengths);
      assert.deepEqual(readLengths(written), lengths);
    }),
    options,
  );
});

test("a block's pairs of run and value are the known ones", () => {
  const k = new Uint8Array(64);
  referenceKernels.dctForward(k, ramp, scale, tableOfQuality(80), block);
  const counts = new Float32Array(symbols);
  referenceKernels.runLengthCounts(counts, k);
  const occur = Object.fromEntries([...counts.entries()].filter(([, count]) => count > 0));
  // (0,95) (0,−61) (0,−24) (1,−1) (0,−1) (0,−3) (0,1) (0,1) (0,−1) end of block
  assert.deepEqual(occur, { 7: 1, 6: 1, 5: 1, 17: 1, 1: 4, 2: 1, 0: 1 });
  assert.equal(codingNamed("zvc").name, "zvc");
  assert.equal(referenceKernels.zvcBytes(k), 17);
});
