/**
 * Ties the Coq model to what ships. proofs/vectors.json holds what the model computes (proofs/Vectors.v says how);
 * the TypeScript reference and every WebAssembly build must compute the same, bit for bit.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { bin, type Quantization, roundDown } from "../../src/codec/bound.js";
import { scratchBytes } from "../../src/codec/limits.js";
import type { EncodeOptions } from "../../src/codec/options.js";
import * as reference from "../../src/codec/reference.js";
import { blockBytes, pack, unpack } from "../../src/codec/stages/pack.js";
import {
  type Bits,
  expect,
  type Predictor,
  predict,
  restore,
  unzigzag,
  zigzag,
} from "../../src/codec/stages/predict.js";
import { dequantize, dither, mix, quantize } from "../../src/codec/stages/quantize.js";
import {
  contexts,
  decoderOf,
  encodeSymbols,
  escapeSymbol,
  symbols,
  type Tables,
} from "../../src/codec/stages/rans.js";
import { WasmCodec } from "../../src/codec/wasm.js";

interface Vectors {
  mixes: [number, number][];
  dithers: [number, number, number][];
  downs: [number, number, number][];
  bins: [number, number, number][];
  quantizers: number[][][];
  near: number[][][];
  zigzags: [Bits, number, number][];
  predictions: number[][][];
  expectations: number[][][];
  packings: number[][][];
  streams: number[][][];
}

const root = new URL("../../../", import.meta.url);
const vectors: Vectors = JSON.parse(readFileSync(new URL("proofs/vectors.json", root), "utf8"));

const floatsOf = (bits: readonly number[]): Float32Array => new Float32Array(Uint32Array.from(bits).buffer);
const bitsOf = (x: Float32Array): number[] => [...new Uint32Array(x.buffer, x.byteOffset, x.length)];
const floatOf = (bits: number): number => floatsOf([bits])[0]!;
const bitsOfNumber = (x: number): number => bitsOf(Float32Array.of(x))[0]!;

const kinds = ["lossless", "support", "paper", "dithered", "signed"] as const;

/** A table's settings, inputs, which of them are raw, integers and decoded bits. */
function read(table: number[][]) {
  const [[kind, bound, negativeBound, seed] = [], ...rows] = table;
  const quantization: Quantization = {
    quantizer: kinds[kind!]!,
    positive: bin(floatOf(bound!)),
    negative: bin(floatOf(negativeBound!)),
    seed: seed!,
  };
  const column = (k: number) => rows.map((row) => row[k]!);
  return { quantization, x: column(0), raw: column(1), integers: column(2), decoded: column(3) };
}

/** What a seam between tests and an implementation of the whole codec needs: bits in, decoded bits out. */
type RoundTrip = (bits: readonly number[], options: EncodeOptions) => number[];

const throughReference: RoundTrip = (bits, options) =>
  bitsOf(reference.decode(reference.encode(floatsOf(bits), options)));

/** One of the builds, on a memory of its own. */
function through(build: string, shared: boolean): RoundTrip {
  const memory = new WebAssembly.Memory({ initial: 32, maximum: shared ? 32 : 65536, shared });
  const module = new WebAssembly.Module(readFileSync(new URL(`build/${build}`, root)));
  const abort = () => assert.fail("abort");
  const { exports } = new WebAssembly.Instance(module, { env: { memory, abort } });
  const scratch = Math.ceil((exports.memoryBase as () => number)() / 64) * 64;
  const codec = new WasmCodec(exports, memory, scratch);
  const at = scratch + scratchBytes;
  return (bits, options) => {
    const n = bits.length;
    const out = at + 4 * n;
    new Uint32Array(memory.buffer, at, n).set(bits);
    const frameBytes = codec.encodeAt(at, n, [n], options, out, memory.buffer.byteLength - out);
    new Uint32Array(memory.buffer, at, n).fill(0xa5a5a5a5);
    codec.decodeAt(out, frameBytes, at);
    return [...new Uint32Array(memory.buffer, at, n)];
  };
}

const implementations: [string, RoundTrip][] = [
  ["reference", throughReference],
  ["codec.wasm", through("codec.wasm", false)],
  ["comet.wasm", through("comet.wasm", true)],
  ["comet.debug.wasm", through("comet.debug.wasm", true)],
];

test("mix and dither are the model's", () => {
  for (const [word, mixed] of vectors.mixes) assert.equal(mix(word), mixed);
  for (const [seed, i, u] of vectors.dithers) assert.equal(bitsOfNumber(dither(mix(seed), i)), u);
});

test("bounds are rounded down as the model rounds them", () => {
  for (const [high, low, bits] of vectors.downs) {
    const asked = new Float64Array(Uint32Array.of(low, high).buffer)[0]!;
    assert.equal(bitsOfNumber(roundDown(asked)), bits);
    assert.ok(roundDown(asked) <= asked);
  }
});

test("steps and their inverses are the model's", () => {
  for (const [bound, step, inverse] of vectors.bins) {
    const made = bin(floatOf(bound));
    assert.deepEqual([bitsOfNumber(made.step), bitsOfNumber(made.inverse)], [step, inverse]);
  }
});

test("integers, escapes and decoded values are the model's", () => {
  for (const table of [...vectors.quantizers, ...vectors.near]) {
    const { quantization, x, raw, integers, decoded } = read(table);
    const q = new Int32Array(x.length);
    const escapes = quantize(q, floatsOf(x), 0, quantization);
    assert.deepEqual([...q], integers);
    assert.deepEqual(
      escapes,
      raw.flatMap((flag, i) => (flag ? [i] : [])),
    );
    const y = new Float32Array(x.length);
    dequantize(y, q, 0, quantization);
    const coded = bitsOf(y).map((bits, i) => (raw[i] ? x[i] : bits));
    assert.deepEqual(coded, decoded);
  }
});

test("tables of values near zero are those whose integers say so", () => {
  for (const { quantization, raw, integers } of vectors.near.map(read)) {
    const far = quantization.quantizer === "support" || quantization.quantizer === "paper" ? 5119 : 2046;
    assert.ok(raw.every((flag) => flag === 0));
    assert.ok(integers.every((q) => Math.abs(q) <= far));
  }
});

for (const [name, roundTrip] of implementations) {
  test(`frames bring back the model's bits: ${name}`, () => {
    for (const table of [...vectors.quantizers, ...vectors.near]) {
      const { quantization, x, raw, decoded } = read(table);
      const { quantizer, positive, negative, seed } = quantization;
      const options: EncodeOptions = { bound: positive.bound, seed };
      if (quantizer !== "lossless") options.quantizer = quantizer;
      if (negative.bound !== positive.bound) options.negativeBound = negative.bound;
      // Where more than one value in sixteen escapes, a frame keeps all bits: zeros make room.
      const escapes = raw.reduce((sum, flag) => sum + flag, 0);
      const padding = new Array<number>(Math.max(0, 16 * (escapes + 1) - x.length)).fill(0);
      assert.deepEqual(roundTrip([...x, ...padding], options), [...decoded, ...padding]);
    }
  });
}

test("zigzag is the model's, both ways", () => {
  for (const [bits, n, folded] of vectors.zigzags) {
    assert.equal(zigzag(n, bits), folded);
    assert.equal(unzigzag(folded), n);
  }
});

test("residuals are the model's, and the running sums undo them", () => {
  for (const [[bits, predictor, lag] = [], values, residuals] of vectors.predictions) {
    const r = new Int32Array(values!.length);
    predict(r, Int32Array.from(values!), predictor as Predictor, lag!, bits as Bits);
    assert.deepEqual([...r], residuals);
    restore(r, r, predictor as Predictor, lag!, bits as Bits);
    assert.deepEqual([...r], values);
  }
});

test("dense mode's residuals are the model's", () => {
  for (const [[width, predictor] = [], values, residuals] of vectors.expectations) {
    const q = Int32Array.from(values!);
    const found = values!.map((value, i) => ((value - expect(q, i, width!, predictor!)) << 16) >> 16);
    assert.deepEqual(found, residuals);
  }
});

test("blocks are the model's bytes at every width, and come back", () => {
  for (const [[width] = [], values, bytes] of vectors.packings) {
    const packed = new Uint8Array(bytes!.length);
    assert.equal(blockBytes(width!, values!.length), bytes!.length);
    pack(packed, 0, Uint32Array.from(values!), width!);
    assert.deepEqual([...packed], bytes);
    const back = new Uint32Array(values!.length);
    unpack(back, packed, 0, width!);
    assert.deepEqual([...back], values);
  }
});

test("entropy-coded words and states are the model's, and decode to its symbols", () => {
  for (const stream of vectors.streams) {
    const [context, places, states, words] = stream.slice(-4);
    const tables: Tables = {
      top: new Uint8Array(contexts),
      frequency: new Uint16Array(contexts * symbols),
    };
    // The model's table lists 0 … top and then the escape, which is symbol 255.
    const symbolAt = (c: number, place: number) => (place > tables.top[c]! ? escapeSymbol : place);
    for (const [c, frequencies] of stream.slice(0, -4).entries()) {
      tables.top[c] = frequencies.length - 2;
      for (const [place, f] of frequencies.entries()) tables.frequency[c * symbols + symbolAt(c, place)] = f;
    }
    const coded = Uint8Array.from(places!, (place, i) => symbolAt(context![i]!, place));
    assert.deepEqual(encodeSymbols(coded, Uint8Array.from(context!), tables), { words, states });
    const decoder = decoderOf(Uint16Array.from(words!), Uint32Array.from(states!), tables);
    for (const [i, symbol] of coded.entries()) assert.equal(decoder.next(i, context![i]!), symbol);
    assert.ok(decoder.finished());
  }
});
