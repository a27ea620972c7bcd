/**
 * An allocated range of the device. It may lie elsewhere in the next op, since the device moves blocks where free bytes
 * come in pieces that are too small (compaction.ts). Within an op, a block whose address has been read stays where it is:
 *
 *   op 7                        op 8                                op 9
 *   f32(a) … kernels on a       a has not been read: it may move    f32(a): a view of its new place
 */
import type { Category } from "./ledger.js";

/** Counts the ops. */
export interface Clock {
  op: number;
}

export class Block {
  /** The requested size; the allocator rounds it up to its alignment. */
  readonly bytes: number;
  readonly site: string;
  /** Changed only by `device.recategorise`. */
  category: Category;
  /** Where it begins now: for use before the next allocation. Changed only by the device. */
  start: number;
  readonly #clock: Clock;
  /** The last op in which its address was read. */
  #read = -1;

  constructor(clock: Clock, start: number, bytes: number, category: Category, site: string) {
    this.#clock = clock;
    this.start = start;
    this.bytes = bytes;
    this.category = category;
    this.site = site;
  }

  /** Where it begins, until the next op. */
  get address(): number {
    this.#read = Math.max(this.#read, this.#clock.op);
    return this.start;
  }

  /** It never moves again. Returns its address. */
  pin(): number {
    this.#read = Number.POSITIVE_INFINITY;
    return this.start;
  }

  get movable(): boolean {
    return this.#read < this.#clock.op;
  }
}
