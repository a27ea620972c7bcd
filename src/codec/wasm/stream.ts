/**
 * Where encoders write frames and decoders read them. Kernels see addresses in a WebAssembly memory only.
 *
 *   resident   the whole frame lies in that memory
 *   staged     the frame lies elsewhere, and one part of it at a time is copied to or from that memory
 */
import { chunkLength } from "../fast/chunk.js";
import type { Call, Coroutine } from "./coroutine.js";
import { checkedBytes, truncated } from "./results.js";

/** Each kernel call has a fixed cost, so fast mode handles this many values in one call if nothing has to be copied. */
const residentValues = 16 * chunkLength;

/**
 * Says where a tensor's values lie, which need not be in the memory as a whole: brings values first … first + count − 1
 * there, until the next call, and returns the address that value 0 would have beside them.
 */
export type Place = (first: number, count: number) => number;

/** Is told which values have been decoded; they may be overwritten after it returns. */
export type OnPart = (first: number, count: number) => void;

/** Receives a frame part by part. */
export interface FrameSink {
  /** The address for the next part, and the number of free bytes there. */
  readonly at: number;
  readonly room: number;
  /** The number of values, in whole chunks, that fast mode handles in one call. */
  readonly values: number;
  /** Accepts the `bytes` bytes at `at` as the next part of the frame. */
  take(bytes: number): void;
  /** Replaces byte `at` of the parts accepted so far. */
  amend(at: number, byte: number): void;
  /** Discards all accepted parts: the frame begins again. */
  restart(): void;
}

export class ResidentSink implements FrameSink {
  readonly #memory: WebAssembly.Memory;
  readonly #start: number;
  readonly #end: number;
  readonly values: number;
  at: number;

  constructor(memory: WebAssembly.Memory, start: number, capacity: number, values = residentValues) {
    this.#memory = memory;
    this.#start = start;
    this.#end = start + capacity;
    this.values = values;
    this.at = start;
  }

  get room(): number {
    return this.#end - this.at;
  }

  take(bytes: number): void {
    this.at += bytes;
  }

  amend(at: number, byte: number): void {
    new Uint8Array(this.#memory.buffer, this.#start + at, 1)[0] = byte;
  }

  restart(): void {
    this.at = this.#start;
  }
}

export class StagedSink implements FrameSink {
  readonly at: number;
  readonly room: number;
  readonly values = chunkLength;
  readonly #memory: WebAssembly.Memory;
  readonly #put: (part: Uint8Array, first: number) => void;
  #taken = 0;

  /** `put` receives each part and the position of its first byte in the frame. */
  constructor(
    memory: WebAssembly.Memory,
    at: number,
    room: number,
    put: (part: Uint8Array, first: number) => void,
  ) {
    this.#memory = memory;
    this.at = at;
    this.room = room;
    this.#put = put;
  }

  take(bytes: number): void {
    this.#put(new Uint8Array(this.#memory.buffer, this.at, bytes), this.#taken);
    this.#taken += bytes;
  }

  amend(at: number, byte: number): void {
    this.#put(Uint8Array.of(byte), at);
  }

  restart(): void {
    this.#taken = 0;
  }
}

/** Makes a frame readable from some byte on. */
export interface FrameSource {
  /** The whole frame, wherever it lies. */
  readonly bytes: Uint8Array;
  /** The number of values, in whole chunks, that fast mode handles in one call. */
  readonly values: number;
  /** The end of the bytes that are readable now. */
  readonly end: number;
  /** The address of a readable byte. */
  addressOf(first: number): number;
  /** Makes more bytes readable from `first` on; false if all of them are readable already. */
  more(first: number): boolean;
}

export class ResidentSource implements FrameSource {
  readonly bytes: Uint8Array;
  readonly values = residentValues;
  readonly end: number;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.end = bytes.length;
  }

  addressOf(first: number): number {
    return this.bytes.byteOffset + first;
  }

  more(): boolean {
    return false;
  }
}

/** The number of bytes of a staged frame that are readable at first. */
export const stagedBytes = 65536;

export class StagedSource implements FrameSource {
  readonly bytes: Uint8Array;
  readonly values = chunkLength;
  readonly #at: number;
  readonly #reserve: (end: number) => WebAssembly.Memory;
  #room = stagedBytes;
  #start = 0;
  end = 0;

  /** `at`: the address of the readable part; `reserve` grows the memory until it reaches `end`. */
  constructor(bytes: Uint8Array, at: number, reserve: (end: number) => WebAssembly.Memory) {
    this.bytes = bytes;
    this.#at = at;
    this.#reserve = reserve;
  }

  addressOf(first: number): number {
    return this.#at + first - this.#start;
  }

  more(first: number): boolean {
    if (this.end === this.bytes.length) return false;
    if (first === this.#start && this.end > first) this.#room *= 2;
    const part = this.bytes.subarray(first, first + this.#room);
    new Uint8Array(this.#reserve(this.#at + part.length).buffer, this.#at, part.length).set(part);
    this.#start = first;
    this.end = first + part.length;
    return true;
  }
}

/** Writes bytes to the sink and returns their number; −1 if they do not fit. */
export function put(sink: FrameSink, memory: WebAssembly.Memory, bytes: Uint8Array): number {
  if (bytes.length > sink.room) return -1;
  new Uint8Array(memory.buffer, sink.at, bytes.length).set(bytes);
  sink.take(bytes.length);
  return bytes.length;
}

/**
 * Runs a decoder's call on the bytes from `at` on and returns how many of them it read. The call is repeated with more bytes
 * for as long as the readable ones end too soon. Throws a FrameError.
 */
export function* reading(
  source: FrameSource,
  at: number,
  call: (from: number, available: number) => Call,
): Coroutine<number> {
  for (;;) {
    const result = yield call(source.addressOf(at), Math.max(0, source.end - at));
    if (result !== truncated || !source.more(at)) return checkedBytes(result);
  }
}
