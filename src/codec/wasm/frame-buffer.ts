/**
 * A frame whose length is not known yet, at most `capacity` bytes. The stash holds the first bytes, and the rest lies in a
 * buffer that grows with the frame. `release` copies from the end on and shrinks the buffer meanwhile, so that both copies
 * together never take much more memory than one. (The stash is used first because the system needs longer for new pages
 * than for the copy.)
 *
 *   | stash ………………… | rest, grows by `step` → |
 */
/** The rest grows and shrinks in steps of this many bytes. */
const step = 1 << 17;

export class FrameBuffer {
  readonly #stash: Uint8Array;
  readonly #capacity: number;
  #rest = new ArrayBuffer(0);
  /** The position of the first byte that is not in the stash. */
  #split = Number.POSITIVE_INFINITY;

  constructor(stash: Uint8Array, capacity: number) {
    this.#stash = stash;
    this.#capacity = capacity;
  }

  /** Stores a part whose first byte has position `first`; a part at position 0 begins a new frame. */
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

  /** The first `length` bytes in the stash; null if some of them lie elsewhere. */
  held(length: number): Uint8Array | null {
    return length <= Math.min(this.#split, this.#stash.length) ? this.#stash.subarray(0, length) : null;
  }

  /** Moves the first `length` bytes to an array of their own; the rest is then released. */
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
