/** The codec's kernels in one WebAssembly memory, with the scratch that they work in. */

import type { Layout } from "../dense/layout.js";
import type { DenseModel } from "../dense/model.js";
import type { FrameTables } from "../dense/tables.js";
import { type Header, lagOf } from "../frame.js";
import type { CodecExports } from "../instantiate.js";
import { scratchBytes } from "../limits.js";
import { alone, type Coroutine } from "./coroutine.js";

/** The checksum's lanes lie at the end of the scratch. */
const lanesAt = scratchBytes - 64;

/** The quantizers by the kernels' numbers; number 4 is dense mode's own, in half steps. */
const quantizersByNumber = ["lossless", "support", "paper", "dithered", null, "signed"];

/** Three thresholds as bytes of a word. */
const word = ([a, b, c]: number[]): number => a! | (b! << 8) | (c! << 16);

export class CodecKernels {
  readonly exports: CodecExports;
  readonly memory: WebAssembly.Memory;
  readonly scratch: number;

  constructor(exports: CodecExports, memory: WebAssembly.Memory, scratch: number) {
    this.exports = exports;
    this.memory = memory;
    this.scratch = scratch;
    exports.initialize(scratch);
  }

  bytes(address: number, length: number): Uint8Array {
    return new Uint8Array(this.memory.buffer, address, length);
  }

  /** Makes the calls of a coroutine on this thread. */
  run<Result>(coroutine: Coroutine<Result>): Result {
    return alone(coroutine, (kernel, args) => this.exports[kernel](...args));
  }

  /** Sets what the following calls encode or decode. */
  configure({ shape, quantization }: Header): void {
    const { quantizer, positive, negative, seed, rectified = false, twin = 0, second = false } = quantization;
    // Every frame needs this call, so it makes no arrays.
    this.exports.configure(
      this.scratch,
      quantizersByNumber.indexOf(quantizer),
      positive.bound,
      positive.step,
      positive.inverse,
      negative.bound,
      negative.step,
      negative.inverse,
      seed,
      lagOf(shape),
      Number(rectified),
      twin,
      Number(second),
    );
  }

  /** Sets dense mode's layout and model. */
  configureDense({ length, width, rows, height }: Layout, model: DenseModel): void {
    const { predictor, low, gapless, area, left } = model;
    const numbers = [length, width, rows, height, predictor, low, Number(gapless), word(area), word(left)];
    this.exports.configureDense(this.scratch, ...numbers);
  }

  /** Copies the tables to where the encoder or the decoder reads them. */
  setTables({ top, codes }: FrameTables, encoding: boolean): void {
    // A kernel returns an address as a signed number.
    this.bytes(this.exports.topsAddress(this.scratch) >>> 0, top.length).set(top);
    const address = this.exports.codesAddress(this.scratch, Number(encoding)) >>> 0;
    new Uint32Array(this.memory.buffer, address, codes.length).set(codes);
  }

  /** The checksum of bytes in the memory. */
  *summing(address: number, length: number): Coroutine<number> {
    const lanes = this.scratch + lanesAt;
    this.exports.checksumStart(lanes);
    yield ["checksumAdd", [lanes, address, length]];
    return this.exports.checksumFold(lanes, length) >>> 0;
  }

  /** The checksum of bytes elsewhere, of which `room` (whole stripes) at a time are copied to `at`. */
  checksumOf(bytes: Uint8Array, at: number, room: number): number {
    const lanes = this.scratch + lanesAt;
    this.exports.checksumStart(lanes);
    for (let first = 0; first < bytes.length; first += room) {
      const part = bytes.subarray(first, first + room);
      this.bytes(at, part.length).set(part);
      this.exports.checksumAdd(lanes, at, part.length);
    }
    return this.exports.checksumFold(lanes, bytes.length) >>> 0;
  }
}
