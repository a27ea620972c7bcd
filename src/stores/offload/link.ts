/**
 * A model of the link between the device and the host: one transfer after the other, at a fixed rate, while the device
 * computes. Where a step needs a transfer that has not ended, it stalls.
 *
 *   link      |▒▒▒▒ send 1 ▒▒▒▒|▒ send 2 ▒|               |▒ fetch ▒|
 *   device    | layer 1 | stall |  layer 2   |  layer 3  |  …
 *
 * The copies of this program are not the link: a processor and its memory have none. So the time of a step with the link is
 * modelled, as its measured time without the copies, plus the stalls.
 */
export class Link {
  /** The milliseconds of stalls so far. */
  stallMs = 0;
  readonly #bytesPerMs: number;
  readonly #computeMs: () => number;
  /** When the last transfer ends. */
  #free = 0;

  /** `computeMs`: the milliseconds that the device has computed so far. */
  constructor(bytesPerMs: number, computeMs: () => number) {
    this.#bytesPerMs = bytesPerMs;
    this.#computeMs = computeMs;
  }

  /** The modelled time. */
  get #now(): number {
    return this.#computeMs() + this.stallMs;
  }

  /** Puts a transfer behind those under way, and returns when it ends. */
  transfer(bytes: number): number {
    this.#free = Math.max(this.#free, this.#now) + bytes / this.#bytesPerMs;
    return this.#free;
  }

  /** Stalls until a transfer has ended. */
  wait(end: number): void {
    this.stallMs += Math.max(0, end - this.#now);
  }

  /** Stalls until all transfers have ended. */
  join(): void {
    this.wait(this.#free);
  }
}
