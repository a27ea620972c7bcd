/**
 * Frames of version 1, byte for byte, in test/golden/codec: what encoders write, what decoders read, and what they
 * refuse, by field. `COMET_GOLDEN=write node --test dist/test/codec/golden.test.js` writes them anew.
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { keepsSigns } from "../../src/codec/bound.js";
import { checksum } from "../../src/codec/checksum.js";
import { decode, type EncodeOptions, encode, FrameError } from "../../src/codec/index.js";
import * as reference from "../../src/codec/reference.js";
import { specials } from "../arbitrary/float.js";

const folder = new URL("../../../test/golden/codec/", import.meta.url);
const write = process.env.COMET_GOLDEN === "write";

/** Whole numbers only, so that every engine makes the same tensor. */
const wave = (n: number, of: (i: number) => number) => Float32Array.from({ length: n }, (_, i) => of(i) / 64);
const hill = (i: number) => 900 - ((i % 61) - 30) ** 2 + ((i * 37) % 11);
const relu = wave(1500, (i) => Math.max(0, hill(i) - 500));
const signed = wave(1200, (i) => hill(i) - 450);
const ramps = wave(
  2352,
  (i) => 8 * Math.abs((i % 28) - 14) + 5 * (Math.floor(i / 28) % 21) + ((i * 37) % 23),
);
const pierced = signed.map((value, i) => (i % 400 === 50 ? Number.POSITIVE_INFINITY : value));
const odd = new Float32Array(Uint32Array.from(specials).buffer);

const encodings: Record<string, [Float32Array, EncodeOptions]> = {
  empty: [new Float32Array(0), { bound: 1 }],
  scalar: [Float32Array.of(3.25), { bound: 0.1, shape: [] }],
  constant: [wave(300, () => 77), { bound: 0.1, shape: [3, 100] }],
  zeros: [new Float32Array(20000), { bound: 1e-3 }],
  sparse: [relu, { bound: 0.05, shape: [4, 25, 15] }],
  gapless: [signed, { bound: 0.05, shape: [100, 12] }],
  "two-bounds": [signed, { bound: 0.05, negativeBound: 0.7, shape: [100, 12] }],
  paper: [signed, { bound: 0.02, quantizer: "paper", shape: [100, 12] }],
  dithered: [signed, { bound: 0.2, quantizer: "dithered", seed: 7 }],
  wide: [signed, { bound: 1e-4 }],
  escapes: [pierced, { bound: 0.05, shape: [100, 12] }],
  specials: [odd, { bound: 0.5 }],
  lossless: [relu, { lossless: true, shape: [100, 15] }],
  relative: [signed, { relative: 0.01, shape: [100, 12] }],
  dense: [relu, { bound: 0.3, mode: "dense", shape: [4, 25, 15] }],
  "dense-halves": [ramps, { bound: 1, mode: "dense", quantizer: "paper", shape: [4, 21, 28] }],
  "dense-low-bits": [signed, { bound: 2e-4, mode: "dense", shape: [100, 12] }],
  signed: [pierced, { bound: 0.05, negativeBound: 0.4, quantizer: "signed", seed: 8, shape: [100, 12] }],
  "dense-signed": [
    signed,
    { bound: 0.3, negativeBound: 1.2, mode: "dense", quantizer: "signed", seed: 9, shape: [4, 25, 12] },
  ],
  "dense-dithered": [relu, { bound: 0.3, mode: "dense", quantizer: "dithered", seed: 9, shape: [4, 25, 15] }],
};

const bitsOf = (x: Float32Array) => new Uint32Array(x.buffer, x.byteOffset, x.length);

for (const [name, [x, options]] of Object.entries(encodings)) {
  test(`golden frame ${name}: every encoder writes it, every decoder reads it`, () => {
    const frameFile = new URL(`${name}.cmt`, folder);
    const valuesFile = new URL(`${name}.f32`, folder);
    const frame = encode(x, options);
    if (write) {
      writeFileSync(frameFile, frame);
      writeFileSync(valuesFile, new Uint8Array(decode(frame).buffer));
    }
    const golden = new Uint8Array(readFileSync(frameFile));
    const values = bitsOf(new Float32Array(Uint8Array.from(readFileSync(valuesFile)).buffer));
    assert.deepEqual(frame, golden);
    assert.deepEqual(reference.encode(x, options), golden);
    assert.deepEqual(bitsOf(decode(golden)), values);
    assert.deepEqual(bitsOf(reference.decode(golden)), values);
    if (!keepsSigns(options.quantizer ?? "support")) return;
    const rectified = values.map((bits, i) => (x[i]! < 0 ? 0 : bits));
    assert.deepEqual(bitsOf(decode(golden, { rectified: true })), rectified);
    assert.deepEqual(bitsOf(reference.decode(golden, { rectified: true })), rectified);
  });
}

/** A golden frame, damaged, with its checksum put right where the damage is behind it; and the field that is named. */
const refusals: [string, string, (frame: Uint8Array) => Uint8Array, boolean][] = [
  ["magic", "sparse", (f) => f.fill(0, 0, 1), false],
  ["version", "sparse", (f) => f.fill(3, 3, 4), false],
  ["checksum", "sparse", (f) => f.fill(f[40]! ^ 1, 40, 41), false],
  ["frame bytes", "sparse", (f) => f.subarray(0, f.length - 1), false],
  ["frame bytes", "sparse", (f) => Uint8Array.of(...f, 0), false],
  ["layout", "sparse", (f) => f.fill(0x81, 12, 13), true],
  ["layout", "constant", (f) => f.fill(5, 12, 13), true],
  ["rank", "sparse", (f) => f.fill(9, 13, 14), true],
  ["shape", "sparse", (f) => f.fill(0xff, 14, 24), true],
  [
    "shape",
    "scalar",
    (f) => Uint8Array.of(...f.subarray(0, 13), 1, 0xff, 0xff, 0x7f, ...f.subarray(14)),
    true,
  ],
  ["bound", "scalar", (f) => f.fill(0xff, 14, 18), true],
  ["kind", "scalar", (f) => f.fill(0x80, 18, 19), true],
  ["payload end", "scalar", (f) => Uint8Array.of(...f, 0), true],
  ["escape positions", "escapes", (f) => f.fill(0xff, 23, 25), true],
  ["model", "dense", (f) => f.fill(0x07, 21, 22), true],
  ["tables", "dense", (f) => f.fill(0xff, 29, 30), true],
  ["segment states", "dense", (f) => f.fill(f[f.length - 20]! ^ 4, f.length - 20, f.length - 19), true],
];

refusals.forEach(([field, name, damage, sealed], i) => {
  test(`refused: ${field} (${i + 1})`, () => {
    const file = new URL(`reject-${String(i + 1).padStart(2, "0")}.cmt`, folder);
    if (write) {
      const damaged = damage(new Uint8Array(readFileSync(new URL(`${name}.cmt`, folder)))).slice();
      const view = new DataView(damaged.buffer);
      if (sealed) {
        view.setUint32(8, damaged.length, true);
        view.setUint32(4, checksum(damaged.subarray(8)), true);
      }
      writeFileSync(file, damaged);
    }
    const bytes = new Uint8Array(readFileSync(file));
    assert.throws(
      () => decode(bytes),
      (error) => error instanceof FrameError && error.where === field,
    );
  });
});
