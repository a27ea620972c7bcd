/**
 * An error-bounded compressor for float32 tensors.
 *
 *   const frame = encode(x, { bound: 1e-3, shape: [16, 64, 28, 28] });
 *   const y = decode(frame);          // |x[i] − y[i]| < 1e-3 for every finite x[i]; NaN and ±Inf come back as they were
 */
import { ShapeError } from "../error.js";
import { checksum } from "./checksum.js";
import { lengthOf, readHeader } from "./frame.js";
import { instantiate } from "./module.js";
import type { EncodeOptions } from "./options.js";
import { reZero } from "./rezero.js";
import { scratchBytes, WasmCodec, windowLength } from "./wasm.js";

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

/** Where a part of a tensor lies, and then the frame. */
const frameAt = base + 4 * windowLength + 64;

/** The frame of x, in the codec's memory until the next call. Of x, a part at a time is there too. */
function encodeHere(x: Float32Array, options: EncodeOptions): Uint8Array {
  const capacity = frameCapacity(x.length);
  reserve(frameAt + capacity);
  const place = (first: number, count: number) => {
    new Float32Array(memory.buffer, base, count).set(x.subarray(first, first + count));
    return base - 4 * first;
  };
  const bytes = codec.encodeFrom(place, x, options, frameAt, capacity);
  return new Uint8Array(memory.buffer, frameAt, bytes);
}

export interface DecodeOptions {
  /** Sets decoded values within the bound of zero to zero: errors may then reach twice the bound. Default false. */
  reZero?: boolean;
}

/** Decodes to what `allot` makes of the number of values. */
function decodeHere(
  frame: Uint8Array,
  options: DecodeOptions,
  allot: (values: number) => Float32Array,
): Float32Array {
  reserve(frameAt + frame.length);
  new Uint8Array(memory.buffer, frameAt, frame.length).set(frame);
  const { shape, quantization } = codec.headerAt(frameAt, frame.length);
  const x = allot(lengthOf(shape));
  const place = (first: number) => base - 4 * first;
  codec.decodeTo(place, frameAt, frame.length, (first, count) => {
    const part = new Float32Array(memory.buffer, base, count);
    if (options.reZero) reZero(part, quantization);
    x.set(part, first);
  });
  return x;
}

/** The frame of x. Throws a BoundError or ShapeError. */
export const encode = (x: Float32Array, options: EncodeOptions): Uint8Array => encodeHere(x, options).slice();

/** The tensor of a frame, flat; `inspect` tells its shape. Throws a FrameError that names the damaged field. */
export const decode = (frame: Uint8Array, options: DecodeOptions = {}): Float32Array =>
  decodeHere(frame, options, (values) => new Float32Array(values));

function checkRoom(where: string, needed: number, given: number): void {
  if (needed <= given) return;
  throw new ShapeError({
    where,
    expected: `room for ${needed}`,
    got: String(given),
    remedy: "give a larger array",
  });
}

/** Writes the frame of x to the start of `target` and returns its bytes; frameCapacity says how many are enough. */
export function encodeInto(target: Uint8Array, x: Float32Array, options: EncodeOptions): number {
  const frame = encodeHere(x, options);
  checkRoom("encodeInto target", frame.length, target.length);
  target.set(frame);
  return frame.length;
}

/**
 * Writes a frame's values to the start of `target` and returns how many there are. A frame that turns out to be damaged
 * on the way leaves what was decoded before.
 */
export function decodeInto(target: Float32Array, frame: Uint8Array, options: DecodeOptions = {}): number {
  let values = 0;
  decodeHere(frame, options, (length) => {
    checkRoom("decodeInto target", length, target.length);
    values = length;
    return target;
  });
  return values;
}

/** A codec object as zarrita and numcodecs want it: bytes of float32 in, bytes out. */
export function numcodec(options: EncodeOptions) {
  return {
    id: "comet-ts",
    encode: (bytes: Uint8Array): Uint8Array => encode(new Float32Array(bytes.slice().buffer), options),
    decode: (frame: Uint8Array): Uint8Array => new Uint8Array(decode(frame).buffer),
  };
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
