/**
 * Gathering makes one free piece of a wanted size by moving the fewest bytes: of neighbouring free ranges whose sum is
 * large enough, those with the fewest bytes between them are joined. Blocks slide away from the largest of these ranges,
 * so that tensors stay at the low end and frames at the high one. All other blocks stay where they are.
 *
 *   before   | a |  | b |      | c |  | d |  | e |     a piece of ten units is wanted: the three ranges from b's left
 *   after    | a | b |          | c | d |  | e |       to d's left have them together, so b and c move
 */
import type { Range } from "./allocator.js";
import type { Block } from "./block.js";
import type { Compaction, Move } from "./compaction.js";

/** A free range. The block of index `next` follows it; `between` are the bytes of the blocks since the range before. */
interface Hole extends Range {
  readonly next: number;
  readonly between: number;
  /** Whether a block that must stay lies between this range and the one before. */
  readonly parted: boolean;
}

/**
 * `blocks`: ascending. `taken`: the bytes that a block occupies. Null if no neighbouring ranges have `wanted` bytes together,
 * counting as neighbours only ranges without a block between them that must stay.
 */
export function gathering(
  blocks: readonly Block[],
  taken: (block: Block) => number,
  whole: Range,
  wanted: number,
): Compaction | null {
  const holes = holesOf(blocks, taken, whole);
  const chosen = cheapest(holes, wanted);
  if (chosen === null) return null;
  const [left, right] = chosen;
  const within = holes.slice(left, right + 1);
  const largest = within.reduce((a, b) => (b.end - b.start > a.end - a.start ? b : a));
  const moves: Move[] = [];
  let { start } = holes[left]!;
  for (let i = holes[left]!.next; i < largest.next; i++) {
    const block = blocks[i]!;
    moves.push({ block, from: block.start, to: start });
    start += taken(block);
  }
  let { end } = holes[right]!;
  for (let i = holes[right]!.next - 1; i >= largest.next; i--) {
    const block = blocks[i]!;
    end -= taken(block);
    moves.push({ block, from: block.start, to: end });
  }
  const ranges = (some: readonly Hole[]) => some.map((hole) => ({ start: hole.start, end: hole.end }));
  return {
    moves,
    free: [...ranges(holes.slice(0, left)), { start, end }, ...ranges(holes.slice(right + 1))],
  };
}

function holesOf(blocks: readonly Block[], taken: (block: Block) => number, whole: Range): Hole[] {
  const holes: Hole[] = [];
  let [end, between, parted] = [whole.start, 0, false];
  const endHole = (start: number, next: number) => {
    if (start === end) return;
    holes.push({ start: end, end: start, next, between, parted });
    [between, parted] = [0, false];
  };
  for (const [i, block] of blocks.entries()) {
    endHole(block.start, i);
    end = block.start + taken(block);
    between += taken(block);
    parted ||= !block.movable;
  }
  endHole(whole.end, blocks.length);
  return holes;
}

/** The first and the last of the holes to join. */
function cheapest(holes: readonly Hole[], wanted: number): readonly [left: number, right: number] | null {
  let best: readonly [number, number] | null = null;
  let least = Number.POSITIVE_INFINITY;
  let [left, free, moved] = [0, 0, 0];
  for (const [right, hole] of holes.entries()) {
    if (hole.parted) [left, free, moved] = [right, 0, 0];
    else if (right > left) moved += hole.between;
    free += hole.end - hole.start;
    for (;;) {
      const size = holes[left]!.end - holes[left]!.start;
      if (left === right || free - size < wanted) break;
      free -= size;
      left++;
      moved -= holes[left]!.between;
    }
    if (free >= wanted && moved < least) [best, least] = [[left, right], moved];
  }
  return best;
}
