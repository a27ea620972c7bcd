/**
 * Manages the free bytes of the device: best fit, 64-byte alignment, and neighbouring free ranges are joined
 * at once.
 *
 *   low                                                            high
 *   | static | tensor | tensor |  free …                 | frame | frame |
 *              placed "low" →                              ← placed "high"
 *
 * Tensors are allocated from the low end, and frames (small and longer-lived) from the high end, so that a
 * few frames do not split the space that tensors need.
 */

/** The size of a cache line; no vector needs more. */
export const alignment = 64;

export const alignUp = (bytes: number): number => Math.ceil(bytes / alignment) * alignment;

/** Addresses from `start` to before `end`. */
export interface Range {
  start: number;
  end: number;
}

export class Allocator {
  /** All that can be allocated. */
  readonly whole: Readonly<Range>;
  /** Free ranges in ascending order; no two are adjacent. */
  #free: Range[];

  constructor(start: number, end: number) {
    this.whole = { start: alignUp(start), end: Math.floor(end / alignment) * alignment };
    this.#free = [{ ...this.whole }];
  }

  /** From now on these ranges are free, and no others: ascending, no two adjacent. */
  reset(free: readonly Range[]): void {
    this.#free = [...free];
  }

  /**
   * Allocates `bytes` (a multiple of the alignment) and returns the address, or null if no free range is
   * large enough.
   */
  take(bytes: number, place: "low" | "high" = "low"): number | null {
    let best = -1;
    for (let i = 0; i < this.#free.length; i++) {
      const size = this.#size(i);
      if (size < bytes) continue;
      const better = best < 0 || size < this.#size(best) || (place === "high" && size === this.#size(best));
      if (better) best = i;
    }
    if (best < 0) return null;
    const range = this.#free[best]!;
    const address = place === "low" ? range.start : range.end - bytes;
    if (place === "low") range.start += bytes;
    else range.end -= bytes;
    if (range.start === range.end) this.#free.splice(best, 1);
    return address;
  }

  /** Frees a range. */
  give(start: number, bytes: number): void {
    const end = start + bytes;
    let next = 0;
    while (next < this.#free.length && this.#free[next]!.start < start) next++;
    const before = this.#free[next - 1];
    const after = this.#free[next];
    const joinsBefore = before !== undefined && before.end === start;
    const joinsAfter = after !== undefined && after.start === end;
    if (joinsBefore && joinsAfter) {
      before.end = after.end;
      this.#free.splice(next, 1);
    } else if (joinsBefore) before.end = end;
    else if (joinsAfter) after.start = start;
    else this.#free.splice(next, 0, { start, end });
  }

  /** The largest free range, without allocating it. */
  largest(): { address: number; bytes: number } {
    let best: Range = { start: 0, end: 0 };
    for (const range of this.#free) if (range.end - range.start > best.end - best.start) best = range;
    return { address: best.start, bytes: best.end - best.start };
  }

  get freeBytes(): number {
    return this.#free.reduce((sum, { start, end }) => sum + end - start, 0);
  }

  #size(i: number): number {
    return this.#free[i]!.end - this.#free[i]!.start;
  }
}
