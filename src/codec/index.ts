/**
 * An error-bounded compressor for float32 tensors.
 *
 *   const frame = encode(x, { bound: 1e-3, shape: [16, 64, 28, 28] });
 *   const y = decode(frame);          // |x[i] − y[i]| < 1e-3 for every finite x[i]; NaN and ±Inf come back as they were
 */
import { checksum } from "./checksum.js";
import { lengthOf, readHeader } from "./frame.js";
import { instantiate } from "./module.js";
import type { EncodeOptions } from "./options.js";
import { scratchBytes, WasmCodec } from "./wasm.js";

const page = 65536;

/** A memory of the codec's own: static data, scratch, then whatever a call needs. It grows and never shrinks. */
const memory = new WebAssembly.Memory({ initial: 2, maximum: 65536 });
const exports = instantiate(memory);
const scratch = Math.ceil((exports.memoryBase as () => number)() / 64) * 64;
const base = scratch + scratchBytes;

function reserve(end: number): void {
  const pages = Math.ceil(end / page) - memory.buffer.byteLength / page;
  if (pages > 0) memory.grow(pages);
}

reserve(base);
const codec = new WasmCodec(exports, memory, scratch);

/** A frame is never larger than this for `length` values. */
export function frameCapacity(length: number): number {
  return 128 + Math.ceil(length / 16384) * 64 + length * 5;
}

/** The frame of x. Throws a BoundError or ShapeError. */
export function encode(x: Float32Array, options: EncodeOptions): Uint8Array {
  const out = base + Math.ceil(x.byteLength / 64) * 64;
  const capacity = frameCapacity(x.length);
  reserve(out + capacity);
  new Float32Array(memory.buffer, base, x.length).set(x);
  const bytes = codec.encodeAt(base, x.length, options.shape ?? [x.length], options, out, capacity);
  return new Uint8Array(memory.buffer, out, bytes).slice();
}

/** The tensor of a frame, flat; `inspect` tells its shape. Throws a FrameError that names the damaged field. */
export function decode(frame: Uint8Array): Float32Array {
  const frameAt = base;
  reserve(frameAt + frame.length);
  new Uint8Array(memory.buffer, frameAt, frame.length).set(frame);
  const length = lengthOf(codec.headerAt(frameAt, frame.length).shape);
  const out = frameAt + Math.ceil(frame.length / 64) * 64;
  reserve(out + 4 * length);
  codec.decodeAt(frameAt, frame.length, out);
  return new Float32Array(memory.buffer, out, length).slice();
}

export interface Inspection {
  shape: number[];
  mode: "fast" | "dense";
  quantizer: "lossless" | "support" | "paper" | "dithered";
  bound: number;
  negativeBound: number;
  seed: number;
  frameBytes: number;
  /** Bytes of the float32 tensor ÷ bytes of the frame. */
  ratio: number;
}

/** What a frame says about itself. Throws a FrameError. */
export function inspect(frame: Uint8Array): Inspection {
  const { shape, mode, quantization } = readHeader(frame, checksum);
  const { quantizer, positive, negative, seed } = quantization;
  const lossless = quantizer === "lossless";
  return {
    shape,
    mode,
    quantizer,
    bound: lossless ? 0 : positive.bound,
    negativeBound: lossless ? 0 : negative.bound,
    seed,
    frameBytes: frame.length,
    ratio: (4 * lengthOf(shape)) / frame.length,
  };
}

export { BoundError, FrameError, ShapeError } from "../error.js";
export type { EncodeOptions };
