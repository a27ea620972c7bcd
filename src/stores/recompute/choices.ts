/**
 * Which parts of a pass are computed again.
 *
 *   sqrt     every √n-th of n places is kept (Chen et al., 2016, as recalled)
 *   least    the fewest bytes, and of those plans the one with the least work
 *   peak     the same, where the bytes are those of all that the device holds, as far as shapes tell (live.ts)
 *   budget   the least work within a number of bytes
 *
 * What is saved at a time is most either at the end of the forward pass, or in the backward pass of a part that is computed
 * again: by then the later parts are gone, so it holds what the earlier parts keep and the whole of its own. A plan is a path
 * through the places, whose bytes only grow on the way, so the best plans up to each place are those that no other one beats
 * in both bytes and work.
 */
import type { Choice, Parts } from "./parts.js";

/** The part before the end is kept, and so is each of which computing it again would spare nothing. */
export function everyRootth(parts: Parts): Choice {
  const width = Math.max(1, Math.round(Math.sqrt(parts.end)));
  const choice: [number, number][] = [];
  for (let from = 0; from + width < parts.end; from += width) {
    const [kept, again] = [parts.kept(from, from + width), parts.again(from, from + width)];
    if (again && again.keptBytes < kept.keptBytes) choice.push([from, from + width]);
  }
  return choice;
}

/** A plan up to a place. */
interface Plan {
  readonly keptBytes: number;
  readonly work: number;
  readonly choice: Choice;
}

/** The choice of least work whose saved bytes never exceed `budget`; null if there is none. */
export function within(parts: Parts, budget: number): Choice | null {
  const best: Plan[][] = [[{ keptBytes: 0, work: 0, choice: [] }]];
  for (let to = 1; to <= parts.end; to++) {
    const found: Plan[] = [];
    for (let from = 0; from < to; from++) {
      const kept = parts.kept(from, to);
      const again = parts.again(from, to);
      for (const { keptBytes, work, choice } of best[from]!) {
        if (keptBytes + kept.peakBytes <= budget) {
          found.push({ keptBytes: keptBytes + kept.keptBytes, work, choice });
        }
        if (again && keptBytes + again.peakBytes <= budget) {
          found.push({
            keptBytes: keptBytes + again.keptBytes,
            work: work + again.work,
            choice: [...choice, [from, to]],
          });
        }
      }
    }
    best.push(unbeaten(found));
  }
  return best.at(-1)!.at(-1)?.choice ?? null;
}

/** In the order of rising bytes, and so of falling work. */
function unbeaten(plans: readonly Plan[]): Plan[] {
  const kept: Plan[] = [];
  for (const plan of [...plans].sort((a, b) => a.keptBytes - b.keptBytes || a.work - b.work)) {
    if (kept.length === 0 || plan.work < kept.at(-1)!.work) kept.push(plan);
  }
  return kept;
}

/** The fewest bytes that a choice needs. */
export function leastBytes(parts: Parts): number {
  let [low, high] = [0, parts.kept(0, parts.end).peakBytes];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (reachable(parts, middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Whether there is a choice within a budget. Fewer kept bytes are never worse for what follows, so one plan a place is enough. */
function reachable(parts: Parts, budget: number): boolean {
  const best = [0];
  for (let to = 1; to <= parts.end; to++) {
    let least = Number.POSITIVE_INFINITY;
    for (let from = 0; from < to; from++) {
      const before = best[from]!;
      const kept = parts.kept(from, to);
      if (before + kept.peakBytes <= budget) least = Math.min(least, before + kept.keptBytes);
      const again = parts.again(from, to);
      if (again && before + again.peakBytes <= budget) least = Math.min(least, before + again.keptBytes);
    }
    best.push(least);
  }
  return best.at(-1)! <= budget;
}
