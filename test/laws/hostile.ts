/**
 * What a decoder must do with bytes that no encoder wrote: decode them or throw a FrameError, and touch no
 * byte outside its buffers.
 */
import assert from "node:assert/strict";
import { keepsSigns, quantizers } from "../../src/codec/bound.js";
import { lengthOf } from "../../src/codec/frame.js";
import { encode, FrameError } from "../../src/codec/index.js";
import { scratchBytes } from "../../src/codec/limits.js";
import { WasmCodec } from "../../src/codec/wasm.js";
import { createRng } from "../../src/rng.js";

export interface Tally {
  frames: number;
  /** Frames that decoded without an error, because the damage made another valid frame. */
  accepted: number;
  /** How often each field was named in an error. */
  rejected: Map<string, number>;
}

const most = 1 << 16;

/** Frames of every form: sparse, constant, exact, gapless, with escapes, with masks; dense with and without low bits. */
function originals(): Uint8Array[] {
  const wave = (n: number, of: (i: number) => number) => Float32Array.from({ length: n }, (_, i) => of(i));
  const relu = wave(1500, (i) => Math.max(0, Math.sin(i / 7) * 3));
  const signed = wave(1300, (i) => Math.sin(i / 11) * 5 + ((i * 7919) % 13) / 40);
  const odd = wave(700, (i) => (i % 90 === 0 ? Number.NaN : ((i * 2654435761) % 1000) / 7));
  const frames = [
    encode(relu.subarray(0, 200), { bound: 0.05, shape: [8, 25] }),
    encode(signed.subarray(0, 150), { bound: 0.01, negativeBound: 0.1, shape: [10, 15] }),
    encode(odd, { bound: 1e-4 }),
    encode(odd.subarray(0, 100), { lossless: true }),
    encode(new Float32Array(300).fill(2), { bound: 0.1 }),
    encode(signed.subarray(0, 130), { bound: 0.1, quantizer: "dithered", seed: 5 }),
    encode(signed.subarray(0, 130), { bound: 1e-5, quantizer: "paper" }),
  ];
  for (const quantizer of quantizers) {
    frames.push(encode(relu, { bound: 0.1, shape: [4, 25, 15], quantizer, mode: "dense" }));
    frames.push(encode(signed, { bound: 2e-3, shape: [100, 13], quantizer, mode: "dense" }));
  }
  // Masks as bitmaps, runs and edges, with one word, a palette and repeats.
  const fills = [Number.NaN, 1e20, Number.NEGATIVE_INFINITY];
  const holes: ((i: number) => number | null)[] = [
    (i) => (i % 3 === 1 ? fills[0]! : null),
    (i) => (i % 40 === 7 ? fills[(i % 7) % 3]! : null),
    (i) => (i % 13 > 9 ? fills[i % 3]! : null),
    (i) => (i % 50 < 4 ? 1e20 * (1 + Math.floor(i / 50)) : null),
  ];
  for (const of of holes) {
    const x = signed.map((value, i) => of(i) ?? value);
    for (const mode of ["fast", "dense"] as const) {
      frames.push(encode(x, { bound: 0.05, shape: [100, 13], mode }));
      frames.push(encode(x, { bound: 0.3, shape: [100, 13], quantizer: "paper", mode }));
    }
  }
  return frames;
}

export interface Arena {
  codec: WasmCodec;
  /** Puts a frame into the memory with a correct checksum, and decodes it. */
  decode(frame: Uint8Array): void;
}

/**
 * A decoder between guard bytes: any byte that changes outside its output and its scratch is an assertion
 * error.
 */
export function arena(exports: WebAssembly.Exports, memory: WebAssembly.Memory): Arena {
  const heap = Math.ceil((exports.memoryBase as () => number)() / 64) * 64;
  const fence = 4096;
  const codec = new WasmCodec(exports, memory, heap + fence);
  const frameAt = heap + fence + scratchBytes + fence;
  const outAt = frameAt + 16384 + fence;
  const bytes = new Uint8Array(memory.buffer);
  const fences = [heap, heap + fence + scratchBytes, frameAt + 16384, outAt + 4 * most];
  for (const at of fences) bytes.fill(0xa5, at, at + fence);
  const view = new DataView(memory.buffer);
  return {
    codec,
    decode(frame) {
      bytes.set(frame, frameAt);
      view.setUint32(frameAt + 8, frame.length, true);
      view.setUint32(frameAt + 4, codec.checksum(frameAt + 8, frame.length - 8), true);
      try {
        const { shape, quantization } = codec.headerAt(frameAt, frame.length);
        const values = lengthOf(shape);
        if (values > most) return;
        const end = outAt + 4 * values;
        bytes.fill(0xa5, end, end + 64);
        codec.decodeAt(frameAt, frame.length, outAt);
        if (keepsSigns(quantization.quantizer)) codec.decodeAt(frameAt, frame.length, outAt, true);
        for (let i = end; i < end + 64; i++) assert.equal(bytes[i], 0xa5, "wrote behind the output");
      } finally {
        for (const at of fences) {
          for (let i = at; i < at + 64; i++) assert.equal(bytes[i], 0xa5, "wrote over a fence");
          for (let i = at + fence - 64; i < at + fence; i++)
            assert.equal(bytes[i], 0xa5, "wrote over a fence");
        }
      }
    },
  };
}

/**
 * Mutates and truncates frames and corrects their checksums, so that the damage reaches every layer of the
 * decoder.
 */
export function survivesMutation({ decode }: Arena, frames: number, seed: number, tally?: Tally): Tally {
  const counts = tally ?? { frames: 0, accepted: 0, rejected: new Map<string, number>() };
  const rng = createRng(seed).fork("hostile");
  const sources = originals();
  for (let k = 0; k < frames; k++) {
    const source = sources[rng.integer(0, sources.length - 1)]!;
    let frame = source.slice();
    const changes = rng.integer(1, 4);
    for (let c = 0; c < changes; c++) {
      // Half of the damage goes to the beginning, where headers and counts lie.
      const at = rng.integer(12, rng.integer(0, 1) ? Math.min(60, frame.length - 1) : frame.length - 1);
      const how = rng.integer(0, 3);
      if (how === 0) frame[at]! ^= 1 << rng.integer(0, 7);
      else if (how === 1) frame[at] = rng.integer(0, 255);
      else if (how === 2) frame[at] = rng.integer(0, 1) ? 255 : 0;
      else if (rng.integer(0, 3) === 0) frame = frame.slice(0, rng.integer(13, frame.length));
    }
    counts.frames++;
    try {
      decode(frame);
      counts.accepted++;
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      counts.rejected.set(error.where, (counts.rejected.get(error.where) ?? 0) + 1);
    }
  }
  return counts;
}

/** After damaged frames, the codec still encodes and decodes correctly, so its tables are intact. */
export function stillWorks({ decode }: Arena): void {
  for (const frame of originals()) decode(frame);
}
