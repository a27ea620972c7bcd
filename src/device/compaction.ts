/**
 * Compaction: movable blocks slide towards the low end, in their order, so that the free bytes between them join.
 *
 *   before   | a |   | b | fixed |   | c |      |
 *   after    | a | b |   | fixed | c |          |
 *
 * A block that must stay parts the free bytes. If no piece of them is large enough then, the movable blocks before one
 * piece move into the others:
 *
 *   after    | a |         fixed | c | b |      |
 */
import type { Range } from "./allocator.js";
import type { Block } from "./block.js";

export interface Move {
  readonly block: Block;
  readonly from: number;
  readonly to: number;
}

export interface Compaction {
  /** In the order in which they can be made. */
  readonly moves: Move[];
  /** The free ranges after them. */
  readonly free: Range[];
}

/** A free range, and the movable blocks that end where it begins, the nearest first. */
interface Gap extends Range {
  before: { block: Block; start: number }[];
}

/**
 * `blocks`: ascending. `taken`: the bytes that a block occupies. `wanted`: the bytes that one piece should have, if that
 * can be.
 */
export function compaction(
  blocks: readonly Block[],
  taken: (block: Block) => number,
  whole: Range,
  wanted: number,
): Compaction {
  const moves: Move[] = [];
  const gaps: Gap[] = [];
  let end = whole.start;
  let before: Gap["before"] = [];
  for (const block of blocks) {
    const start = block.movable ? end : block.start;
    if (start > end) gaps.push({ start: end, end: start, before });
    if (start < block.start) moves.push({ block, from: block.start, to: start });
    before = block.movable ? [{ block, start }, ...before] : [];
    end = start + taken(block);
  }
  if (whole.end > end) gaps.push({ start: end, end: whole.end, before });
  const ranked = [...gaps].sort((a, b) => b.end - b.start - (a.end - a.start));
  if (ranked.length > 0 && ranked[0]!.end - ranked[0]!.start < wanted) {
    for (const gap of ranked) {
      const found = emptied(gap, gaps, taken, wanted);
      if (found) return { moves: [...moves, ...found.moves], free: found.free };
    }
  }
  return { moves, free: gaps.map(({ start, end }) => ({ start, end })) };
}

/** Moves blocks before one gap into the others until it has the wanted bytes; null if they do not fit there. */
function emptied(
  gap: Gap,
  gaps: readonly Gap[],
  taken: (block: Block) => number,
  wanted: number,
): Compaction | null {
  const others = gaps.filter((other) => other !== gap).map(({ start, end }) => ({ start, end }));
  const moves: Move[] = [];
  let { start } = gap;
  for (const { block, start: from } of gap.before) {
    if (gap.end - start >= wanted) break;
    const bytes = taken(block);
    const fitting = others.filter((other) => other.end - other.start >= bytes);
    if (fitting.length === 0) return null;
    const best = fitting.reduce((a, b) => (b.end - b.start < a.end - a.start ? b : a));
    moves.push({ block, from, to: best.start });
    best.start += bytes;
    start = from;
  }
  if (gap.end - start < wanted) return null;
  const free = [...others.filter((other) => other.end > other.start), { start, end: gap.end }];
  return { moves, free: free.sort((a, b) => a.start - b.start) };
}
