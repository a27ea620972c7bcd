/**
 * Where frames go to and come from. Kernels see addresses in a WebAssembly memory; a frame lies there as a whole
 * (Resident…), or elsewhere, and a part at a time is there too (Away…).
 */
import { chunkLength } from "./chunk.js";

/** Where nothing has to be copied, fast mode takes more values at a time: each turn has its price. */
const many = 16 * chunkLength;

/** Takes a frame part by part. */
export interface Sink {
  /** Where the next part goes, and how many bytes are free there. */
  readonly at: number;
  readonly room: number;
  /** Values, whole chunks, that fast mode may take at a time. */
  readonly values: number;
  /** The next `bytes` bytes of the frame are there. */
  take(bytes: number): void;
  /** What was taken does not count: the frame begins anew. */
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

  /** `put` gets each part and the number of its first byte. */
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

/** Shows a frame from some byte on. */
export interface Source {
  /** The whole frame, wherever it is. */
  readonly bytes: Uint8Array;
  /** Values, whole chunks, that fast mode may take at a time. */
  readonly values: number;
  /** As far as it is shown now. */
  readonly end: number;
  /** The address of a byte that is shown. */
  addressOf(first: number): number;
  /** Shows more bytes from `first` on than before; false where that is all of them already. */
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

/** Bytes that are shown at first. */
export const sourceRoom = 65536;

export class AwaySource implements Source {
  readonly bytes: Uint8Array;
  readonly values = chunkLength;
  readonly #at: number;
  readonly #reserve: (end: number) => WebAssembly.Memory;
  #room = sourceRoom;
  #start = 0;
  end = 0;

  /** `at`: where the part that is shown lies; `reserve` makes the memory reach as far as that takes. */
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

/** Bytes that a held frame's end grows and shrinks by at a time. */
const step = 1 << 17;

/**
 * A frame of unknown length, no more than `capacity`. As far as `stash` goes it lies there. What is behind lies in a
 * buffer that grows with it, and shrinks while the frame moves out of it, from the end on: both copies together never take
 * much more than one. (New pages take the system longer than the copy does, so the stash comes first.)
 */
export class Held {
  readonly #stash: Uint8Array;
  readonly #capacity: number;
  #rest = new ArrayBuffer(0);
  /** The first byte that is not in the stash. */
  #split = Number.POSITIVE_INFINITY;

  constructor(stash: Uint8Array, capacity: number) {
    this.#stash = stash;
    this.#capacity = capacity;
  }

  /** The bytes from `first` on; from 0 on, anew. */
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

  /** The first `length` bytes in an array of their own; only the stash holds any then. */
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
