/**
 * Bits for many items within a budget, so that Σ C/(2^b − 1)² is small: the greedy descent of ActNN and of GACT. All items
 * begin with the most bits. As long as the budget is exceeded, the item takes the next smaller number for which the sum
 * grows least for each bit that is saved.
 */

/** The variance of a value with `bits` bits in units of C: 1/(2^b − 1)²; 0 for raw values. */
const variance = (bits: number): number => (bits >= 32 ? 0 : 1 / (2 ** bits - 1) ** 2);

export const wholeBits = [8, 7, 6, 5, 4, 3, 2, 1] as const;

/**
 * The bits of each item with sensitivity C and weight (its number of values, or 1), Σ weight·bits ≤ `budget` if one bit
 * each allows it. `ladder`: the numbers of bits to choose from, descending. `by`: whether an increase counts for each
 * value (ActNN, whose steps are all of one bit) or for each bit that it saves (GACT).
 */
export function allocateBits(
  sensitivities: readonly number[],
  weights: readonly number[],
  budget: number,
  ladder: readonly number[] = wholeBits,
): Uint8Array {
  const level = new Int32Array(sensitivities.length);
  const cost = (i: number): number => {
    const [now, next] = [ladder[level[i]!]!, ladder[level[i]! + 1]];
    if (next === undefined) return Number.POSITIVE_INFINITY;
    const increase = sensitivities[i]! * (variance(next) - variance(now));
    return increase / (weights[i]! * (now - next));
  };
  let used = weights.reduce((sum, weight) => sum + weight * ladder[0]!, 0);
  const heap = new Queue(sensitivities.length, cost);
  while (used > budget) {
    const i = heap.first();
    if (i < 0 || cost(i) === Number.POSITIVE_INFINITY) break;
    used -= weights[i]! * (ladder[level[i]!]! - ladder[level[i]! + 1]!);
    level[i]!++;
    heap.sink();
  }
  return Uint8Array.from(level, (each) => ladder[each]!);
}

/** The item of least cost first; of equal ones, that with the lower number. */
class Queue {
  readonly #heap: number[];
  readonly #cost: number[];
  readonly #costOf: (item: number) => number;

  constructor(items: number, costOf: (item: number) => number) {
    this.#costOf = costOf;
    this.#cost = Array.from({ length: items }, (_, i) => costOf(i));
    this.#heap = Array.from({ length: items }, (_, i) => i);
    this.#heap.sort((a, b) => this.#cost[a]! - this.#cost[b]! || a - b);
  }

  /** −1 if there are no items. */
  first(): number {
    return this.#heap[0] ?? -1;
  }

  /** The cost of the first item has grown. */
  sink(): void {
    const heap = this.#heap;
    const item = heap[0]!;
    this.#cost[item] = this.#costOf(item);
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && this.#before(heap[child + 1]!, heap[child]!)) child++;
      if (!this.#before(heap[child]!, item)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = item;
  }

  #before(a: number, b: number): boolean {
    const difference = this.#cost[a]! - this.#cost[b]!;
    return difference < 0 || (difference === 0 && a < b);
  }
}
