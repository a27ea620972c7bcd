/**
 * An error-bounded compressor for float32 tensors.
 *
 *   const frame = encode(x, { bound: 1e-3, shape: [16, 64, 28, 28] });
 *   const y = decode(frame);          // |x[i] − y[i]| < 1e-3 for every finite x[i]; NaN and ±Inf come back unchanged
 */
import { ShapeError } from "../error.js";
import { checkApart, checkBytes, checkValues, floatsOf, Turn } from "./arguments.js";
import { type Quantization, rectifying } from "./bound.js";
import { checksum } from "./checksum.js";
import { lengthOf, readHeader, sealHeader, writeChecksum, writeLength } from "./frame.js";
import { instantiate } from "./instantiate.js";
import { frameCapacity, partBytes, scratchBytes, windowLength } from "./limits.js";
import { type EncodeOptions, readOnce } from "./options.js";
import { reZero } from "./rezero.js";
import { FrameBuffer } from "./wasm/frame-buffer.js";
import { StagedSink, StagedSource, stagedBytes } from "./wasm/stream.js";
import { WasmCodec } from "./wasm.js";

const page = 65536;

/**
 * The codec's own memory: static data, scratch, a window of the tensor and a part of the frame. It grows to
 * the size that a mode needs (docs/format.md, "Limits") and never shrinks. The functions below share it because
 * each call would otherwise pay for a new memory and for the tables that `initialize` writes.
 */
const memory = new WebAssembly.Memory({ initial: 2, maximum: 65536 });
const exports = instantiate(memory);
const scratch = Math.ceil(exports.memoryBase() / 64) * 64;
const base = scratch + scratchBytes;

function reserve(end: number): WebAssembly.Memory {
  const pages = Math.ceil(end / page) - memory.buffer.byteLength / page;
  if (pages > 0) memory.grow(pages);
  return memory;
}

reserve(base);
/** All calls share the memory. */
const turn = new Turn();
const codec = new WasmCodec(exports, memory, scratch);

/** Checksum of bytes outside the codec's memory; they are copied through the window part by part. */
const checksumHere = (bytes: Uint8Array): number => {
  reserve(base + stagedBytes);
  return codec.checksumOf(bytes, base, stagedBytes);
};

/** Where the encoder's part of the frame lies (`at`), its size (`room`), and where the stash begins. */
function regionsOf({ mode }: EncodeOptions): { at: number; room: number; stashAt: number } {
  const own = mode === "dense" || mode === "auto" ? "dense" : "fast";
  const at = base + 4 * windowLength[own];
  return { at, room: partBytes[own], stashAt: at + partBytes[own] };
}

/** Encodes x and passes the frame to `put` part by part, without its checksum. Returns the frame's bytes. */
function encodeHere(
  x: Float32Array,
  options: EncodeOptions,
  put: (part: Uint8Array, first: number) => void,
): number {
  const { at, room, stashAt } = regionsOf(options);
  reserve(stashAt);
  const place = (first: number, count: number) => {
    new Float32Array(memory.buffer, base, count).set(x.subarray(first, first + count));
    return base - 4 * first;
  };
  return codec.run(codec.encodingTo(new StagedSink(memory, at, room, put), place, x, options));
}

export interface DecodeOptions {
  /**
   * Sets decoded values within the bound of zero to zero: errors may then reach twice the bound. Default
   * false.
   */
  reZero?: boolean;
  /** Returns 0 for values below zero, as a ReLU would; only for quantisers that keep signs. Default false. */
  rectified?: boolean;
}

const decodeDefaults = { reZero: false, rectified: false };

/** Decodes into the array that `allot` returns for the number of values. */
function decodeHere(
  frame: Uint8Array,
  { reZero: zeroing, rectified }: DecodeOptions,
  allot: (values: number) => Float32Array,
): Float32Array {
  const header = codec.headerOf(frame, checksumHere);
  if (rectified) header.quantization = rectifying(header.quantization);
  const x = allot(lengthOf(header.shape));
  const windowBytes = 4 * windowLength[header.mode === "dense" ? "denseBack" : "fast"];
  reserve(base + windowBytes);
  const source = new StagedSource(frame, base + windowBytes, reserve);
  const place = (first: number) => base - 4 * first;
  const onPart = (first: number, count: number) => {
    const part = new Float32Array(memory.buffer, base, count);
    if (zeroing) reZero(part, header.quantization);
    x.set(part, first);
  };
  codec.run(codec.decodingFrom(source, header, place, onPart));
  return x;
}

/** Encodes x and returns its frame. Throws a BoundError, a ShapeError, or a UsageError if an argument has the wrong type. */
export function encode(x: Float32Array, options: EncodeOptions): Uint8Array<ArrayBuffer> {
  return turn.run("encode", () => {
    const own = readOnce(options);
    checkValues("encode values", x);
    return frameOf(x, own);
  });
}

/** Encodes x to the codec's own memory, and to a buffer beside it if the frame is long. */
function buffered(x: Float32Array, options: EncodeOptions): { buffer: FrameBuffer; bytes: number } {
  // The stash gets a fifth of the tensor's bytes, or what is left of the memory if that is more.
  const { stashAt } = regionsOf(options);
  reserve(Math.max(x.byteLength / 5, stashAt + page));
  const buffer = new FrameBuffer(new Uint8Array(memory.buffer, stashAt), frameCapacity(x.length));
  return { buffer, bytes: encodeHere(x, options, (part, first) => buffer.put(part, first)) };
}

/** Writes the length and the checksum into the header of a frame that lies in the codec's memory. */
function sealHere(frame: Uint8Array): void {
  writeLength(frame, frame.length);
  writeChecksum(frame, codec.checksum(frame.byteOffset + 8, frame.length - 8));
}

function frameOf(x: Float32Array, options: EncodeOptions): Uint8Array<ArrayBuffer> {
  const { buffer, bytes } = buffered(x, options);
  const held = buffer.held(bytes);
  if (held === null) {
    const frame = buffer.release(bytes);
    sealHeader(frame, bytes, checksumHere);
    return frame;
  }
  sealHere(held);
  // The memory of a slice need not be set to zeros first.
  return new Uint8Array(memory.buffer.slice(held.byteOffset, held.byteOffset + bytes));
}

/**
 * Decodes a frame to a flat array; `inspect` returns its shape. Throws a FrameError that names the damaged
 * field.
 */
export function decode(frame: Uint8Array, options: DecodeOptions = {}): Float32Array<ArrayBuffer> {
  return turn.run("decode", () => {
    const own = { ...decodeDefaults, ...options };
    checkBytes("decode frame", frame);
    let x = new Float32Array(0);
    decodeHere(frame, own, (values) => {
      x = new Float32Array(values);
      return x;
    });
    return x;
  });
}

function checkRoom(where: string, needed: number, given: number): void {
  if (needed <= given) return;
  throw new ShapeError({
    where,
    expected: `room for ${needed}`,
    got: String(given),
    remedy: "give a larger array",
  });
}

/** What was read from the source and written to the target, each in its own elements: float32 values or bytes. */
export interface Transfer {
  read: number;
  written: number;
}

/**
 * Encodes x to the start of `target`, in the manner of TextEncoder.encodeInto: `read` is the number of values, all of x, and
 * `written` the frame's bytes. The target must not overlap x. A target below frameCapacity may turn out to be too small,
 * which is a ShapeError. It stays unchanged then, so the frame is encoded to the codec's own memory before it is copied.
 */
export function encodeInto(x: Float32Array, target: Uint8Array, options: EncodeOptions): Transfer {
  return turn.run("encodeInto", () => {
    const own = readOnce(options);
    checkValues("encodeInto values", x);
    checkBytes("encodeInto target", target);
    checkApart("encodeInto", x, target);
    return { read: x.length, written: writeFrame(x, target, own) };
  });
}

function writeFrame(x: Float32Array, target: Uint8Array, options: EncodeOptions): number {
  if (target.length >= frameCapacity(x.length)) {
    const bytes = encodeHere(x, options, (part, first) => target.set(part, first));
    sealHeader(target.subarray(0, bytes), bytes, checksumHere);
    return bytes;
  }
  const { buffer, bytes } = buffered(x, options);
  checkRoom("encodeInto target", bytes, target.length);
  const held = buffer.held(bytes);
  if (held !== null) {
    sealHere(held);
    target.set(held);
  } else {
    target.set(buffer.release(bytes));
    sealHeader(target.subarray(0, bytes), bytes, checksumHere);
  }
  return bytes;
}

/**
 * Decodes a frame to the start of `target`: `read` is the frame's bytes, `written` the number of values. The target must not
 * overlap the frame. If the frame turns out to be damaged midway, the target keeps the values decoded so far.
 */
export function decodeInto(frame: Uint8Array, target: Float32Array, options: DecodeOptions = {}): Transfer {
  return turn.run("decodeInto", () => {
    const own = { ...decodeDefaults, ...options };
    checkBytes("decodeInto frame", frame);
    checkValues("decodeInto target", target);
    checkApart("decodeInto", frame, target);
    let written = 0;
    decodeHere(frame, own, (length) => {
      checkRoom("decodeInto target", length, target.length);
      written = length;
      return target;
    });
    return { read: frame.length, written };
  });
}

/** A codec object with the interface of zarrita and numcodecs: bytes of float32 in, bytes out. */
export function numcodec(options: EncodeOptions) {
  return {
    id: "comet-ts",
    encode(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
      checkBytes("numcodec encode", bytes);
      return encode(floatsOf("numcodec encode", bytes), options);
    },
    decode: (frame: Uint8Array): Uint8Array<ArrayBuffer> => new Uint8Array(decode(frame).buffer),
  };
}

export interface Inspection {
  shape: number[];
  mode: "fast" | "dense";
  quantizer: Quantization["quantizer"];
  bound: number;
  negativeBound: number;
  seed: number;
  frameBytes: number;
  /** Bytes of the float32 tensor ÷ bytes of the frame. */
  ratio: number;
}

/** Reads a frame's header without decoding the values. Throws a FrameError. */
export function inspect(frame: Uint8Array): Inspection {
  checkBytes("inspect frame", frame);
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

export { BoundError, FrameError, ShapeError, UsageError } from "../error.js";
export type { EncodeOptions };
export { frameCapacity };
