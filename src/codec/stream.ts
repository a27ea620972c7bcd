/**
 * Destinations and origins of frames. Kernels see addresses in a WebAssembly memory. A frame either lies in
 * that memory as a whole (Resident…), or lies elsewhere and is copied through it part by part (Away…).
 */
import { chunkLength } from "./chunk.js";

/**
 * Where nothing has to be copied, fast mode takes more values per call, because each call has a fixed cost.
 */
const many = 16 * chunkLength;

/** Receives a frame part by part. */
export interface Sink {
  /** The address of the next part, and the bytes free there. */
  readonly at: number;
  readonly room: number;
  /** The most values per call in fast mode; a multiple of the chunk length. */
  readonly values: number;
  /** Accepts the next `bytes` bytes of the frame, which lie at `at`. */
  take(bytes: number): void;
  /** Discards everything taken so far; the frame starts again. */
  restart(): void;
}

export class ResidentSink implements Sink {
  readonly #start: number;
  readonly #end: number;
  readonly values: number;
  at: number;

  constructor(start: number, capacity: number, values = many) {
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

  restart(): void {
    this.at = this.#start;
  }
}

export class AwaySink implements Sink {
  readonly at: number;
  readonly room: number;
  readonly values = chunkLength;
  readonly #memory: WebAssembly.Memory;
  readonly #put: (part: Uint8Array, first: number) => void;
  #taken = 0;

  /** `put` receives each part and the frame offset of its first byte. */
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

  restart(): void {
    this.#taken = 0;
  }
}

/** Gives kernels access to the bytes of a frame from a given offset on. */
export interface Source {
  /** The whole frame, wherever it lies. */
  readonly bytes: Uint8Array;
  /** The most values per call in fast mode; a multiple of the chunk length. */
  readonly values: number;
  /** The frame offset at which the visible bytes end. */
  readonly end: number;
  /** The address of a visible byte. */
  addressOf(first: number): number;
  /**
   * Makes more bytes from `first` on visible than before. Returns false if all bytes up to the end already
   * are.
   */
  more(first: number): boolean;
}

export class ResidentSource implements Source {
  readonly bytes: Uint8Array;
  readonly values = many;
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

/** Number of bytes made visible at first. */
export const sourceRoom = 65536;

export class AwaySource implements Source {
  readonly bytes: Uint8Array;
  readonly values = chunkLength;
  readonly #at: number;
  readonly #reserve: (end: number) => WebAssembly.Memory;
  #room = sourceRoom;
  #start = 0;
  end = 0;

  /** `at` is the address of the visible part; `reserve` grows the memory so that the part fits. */
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

/** The part outside the stash grows and shrinks in steps of this many bytes. */
const step = 1 << 17;

/**
 * Holds a frame of unknown length, at most `capacity` bytes. The beginning lies in `stash`, as far as it
 * fits. The rest lies in a buffer that grows with the frame. `release` moves the frame out from its end and
 * shrinks the buffer as it goes, so that both copies together never take much more than one. The stash is
 * filled first because touching new pages takes longer than copying into old ones.
 */
export class Held {
  readonly #stash: Uint8Array;
  readonly #capacity: number;
  #rest = new ArrayBuffer(0);
  /** Frame offset of the first byte that is not in the stash. */
  #split = Number.POSITIVE_INFINITY;

  constructor(stash: Uint8Array, capacity: number) {
    this.#stash = stash;
    this.#capacity = capacity;
  }

  /** Stores `part` at frame offset `first`. Offset 0 starts a new frame. */
  put(part: Uint8Array, first: number): void {
    if (first === 0) this.#split = Number.POSITIVE_INFINITY;
    const end = first + part.length;
    if (end <= this.#stash.length && first < this.#split) {
      this.#stash.set(part, first);
      return;
    }
    if (this.#split > first) {
      this.#split = first;
      this.#rest = new ArrayBuffer(0, { maxByteLength: this.#capacity - first });
    }
    const start = first - this.#split;
    const bytes = start + part.length;
    if (bytes > this.#rest.byteLength) this.#rest.resize(Math.min(this.#rest.maxByteLength, bytes + step));
    new Uint8Array(this.#rest, start, part.length).set(part);
  }

  /**
   * Returns the first `length` bytes in an array of their own. Afterwards only the stash still holds a copy.
   */
  release(length: number): Uint8Array<ArrayBuffer> {
    const frame = new Uint8Array(length);
    const split = Math.min(length, this.#split);
    for (let end = length - split; end > 0; ) {
      const start = Math.max(0, end - step);
      frame.set(new Uint8Array(this.#rest, start, end - start), split + start);
      this.#rest.resize(start);
      end = start;
    }
    frame.set(this.#stash.subarray(0, split));
    return frame;
  }
}
