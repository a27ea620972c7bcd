/**
 * The codec on a WebAssembly memory: tensors and frames are addresses in it, nothing is copied.
 */
import { FrameError } from "../error.js";
import {
  type Header,
  headerCapacity,
  lagOf,
  lengthOf,
  readHeader,
  sealHeader,
  writeHeader,
} from "./frame.js";
import { type EncodeOptions, headerFor, leastPayload } from "./options.js";

/** The exports that assembly/codec.ts lists. */
export interface CodecExports {
  checksumStart(lanes: number): void;
  checksumAdd(lanes: number, bytes: number, length: number): void;
  checksumFold(lanes: number, length: number): number;
  initialize(scratch: number): void;
  configure(scratch: number, quantizer: number, ...rest: number[]): void;
  encodeFast(scratch: number, x: number, n: number, first: number, out: number, capacity: number): number;
  decodeFast(scratch: number, payload: number, bytes: number, x: number, n: number, first: number): number;
}

/** What a codec needs for itself, whatever it encodes. */
export const scratchBytes = 262144;
/** The checksum's lanes lie at the end of the scratch. */
const lanesAt = scratchBytes - 64;

const quantizers = ["lossless", "support", "paper", "dithered"];

/** The answers of decodeFast below zero, from −1 on. */
const complaints = ["payload", "kind", "escape positions", "bitmap", "widths", "payload end"];

export class WasmCodec {
  readonly #wasm: CodecExports;
  readonly #memory: WebAssembly.Memory;
  readonly #scratch: number;

  /**
   * `scratch`: the address (a multiple of 16) of `scratchBytes` bytes that are this codec's own for as long as it
   * lives. `exports` may hold more than the codec.
   */
  constructor(exports: object, memory: WebAssembly.Memory, scratch: number) {
    this.#wasm = exports as CodecExports;
    this.#memory = memory;
    this.#scratch = scratch;
    this.#wasm.initialize(scratch);
  }

  static readonly scratchBytes = scratchBytes;

  /**
   * Encodes `length` float32 at `x` (4-byte aligned) to `out`. Returns the frame's bytes, or −1 if `capacity` does not
   * hold them; what lies at `out` is then undefined, and nothing behind `capacity` is touched.
   */
  encodeAt(
    x: number,
    length: number,
    shape: readonly number[],
    options: Omit<EncodeOptions, "shape">,
    out: number,
    capacity: number,
  ): number {
    const header = headerFor(length, { ...options, shape });
    const head = writeHeader(header);
    if (head.length > capacity) return -1;
    this.#bytes(out, head.length).set(head);
    this.configure(header);
    const payload = this.#wasm.encodeFast(
      this.#scratch,
      x,
      length,
      0,
      out + head.length,
      capacity - head.length,
    );
    if (payload < 0) return -1;
    const frameBytes = head.length + payload;
    sealHeader(this.#bytes(out, frameBytes), frameBytes, () => this.checksum(out + 8, frameBytes - 8));
    return frameBytes;
  }

  /** The header of the frame at `frame`. Throws a FrameError that names the field. */
  headerAt(frame: number, frameBytes: number): Header & { payload: number } {
    const header = readHeader(this.#bytes(frame, frameBytes), () => this.checksum(frame + 8, frameBytes - 8));
    leastPayload(lengthOf(header.shape), frameBytes - header.payload);
    return header;
  }

  /** Decodes the frame at `frame` to `out`, where the header's values must fit. Throws a FrameError. */
  decodeAt(frame: number, frameBytes: number, out: number): void {
    const header = this.headerAt(frame, frameBytes);
    this.configure(header);
    const { payload } = header;
    this.decodePart(frame + payload, frameBytes - payload, out, lengthOf(header.shape), 0);
  }

  /** Whole chunks of a payload; `first` numbers the first value. */
  decodePart(payload: number, bytes: number, out: number, values: number, first: number): void {
    const answer = this.#wasm.decodeFast(this.#scratch, payload, bytes, out, values, first);
    if (answer === 0) return;
    throw new FrameError({
      where: complaints[-1 - answer] ?? "payload",
      expected: "what an encoder writes",
      got: "something else",
      remedy: "encode the tensor again: these bytes are damaged",
    });
  }

  configure({ shape, quantization }: Header): void {
    const { quantizer, positive, negative, seed } = quantization;
    this.#wasm.configure(
      this.#scratch,
      quantizers.indexOf(quantizer),
      positive.bound,
      positive.step,
      positive.inverse,
      negative.bound,
      negative.step,
      negative.inverse,
      seed,
      lagOf(shape),
    );
  }

  checksum(address: number, length: number): number {
    const lanes = this.#scratch + lanesAt;
    this.#wasm.checksumStart(lanes);
    this.#wasm.checksumAdd(lanes, address, length);
    return this.#wasm.checksumFold(lanes, length) >>> 0;
  }

  #bytes(address: number, length: number): Uint8Array {
    return new Uint8Array(this.#memory.buffer, address, length);
  }
}

export { headerCapacity };
