/** Compaction loses no byte, and what fits by its bytes fits: whatever was allocated and freed before. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { alignUp, type Range } from "../../src/device/allocator.js";
import { Block } from "../../src/device/block.js";
import { type Compaction, compaction } from "../../src/device/compaction.js";
import { Device } from "../../src/device/device.js";
import { gathering } from "../../src/device/gathering.js";
import { seed } from "../arbitrary/seed.js";

const taken = ({ bytes }: { bytes: number }): number => alignUp(bytes);

/** Blocks with free units between and around them; some must stay where they are. */
const layout = fc
  .array(fc.record({ gap: fc.nat(3), units: fc.integer({ min: 1, max: 4 }), fixed: fc.boolean() }), {
    maxLength: 20,
  })
  .map((pieces) => {
    let end = 0;
    const blocks = pieces.map(({ gap, units, fixed }, i) => {
      const block = new Block({ op: 0 }, end + 64 * gap, 64 * units, "saved", String(i));
      if (fixed) block.pin();
      end = block.start + block.bytes;
      return block;
    });
    return { blocks, whole: { start: 0, end: end + 128 } };
  });

type Make = (...args: Parameters<typeof gathering>) => Compaction | null;

/** Makes the moves of what `make` finds, if it finds any, and checks what the law below says. */
function checkMoves(make: Make, { blocks, whole }: { blocks: Block[]; whole: Range }, wanted: number): void {
  const memory = new Int32Array(whole.end / 64).fill(-1);
  const fill = (to: number, bytes: number, id: number) => memory.fill(id, to / 64, (to + bytes) / 64);
  for (const [i, { start, bytes }] of blocks.entries()) fill(start, bytes, i);
  const found = make(blocks, taken, whole, wanted);
  if (found === null) return;
  const { moves, free } = found;
  const places = new Map(blocks.map((block) => [block, block.start]));
  for (const { block, from, to } of moves) {
    assert.ok(block.movable);
    assert.equal(places.get(block), from);
    memory.copyWithin(to / 64, from / 64, (from + block.bytes) / 64);
    places.set(block, to);
  }
  const used = new Uint8Array(memory.length);
  for (const [i, block] of blocks.entries()) {
    const [from, to] = [places.get(block)! / 64, (places.get(block)! + block.bytes) / 64];
    assert.ok(
      memory.subarray(from, to).every((id) => id === i),
      "a block has lost bytes",
    );
    assert.ok(
      used.subarray(from, to).every((n) => n === 0),
      "two blocks overlap",
    );
    used.fill(1, from, to);
  }
  for (const [i, { start, end }] of free.entries()) {
    assert.ok(end > start && (i === 0 || start > free[i - 1]!.end), "ascending, none empty, none adjacent");
    assert.ok(used.subarray(start / 64, end / 64).every((n) => n === 0));
    used.fill(1, start / 64, end / 64);
  }
  assert.ok(
    used.every((n) => n === 1),
    "every byte is taken or free",
  );
}

for (const [name, make] of Object.entries({ compaction, gathering })) {
  test(`${name}: after the moves all blocks are disjoint and whole, fixed ones where they were, the rest free`, () => {
    fc.assert(
      fc.property(layout, fc.nat(9), (at, wanted) => checkMoves(make, at, 64 * wanted)),
      { seed, numRuns: 500 },
    );
  });
}

/** The fewest bytes that lie between free ranges of `wanted` bytes in all with no fixed block between; null if none do. */
function fewestBetween({ blocks, whole }: { blocks: Block[]; whole: Range }, wanted: number): number | null {
  let fewest: number | null = null;
  for (let i = 0; i <= blocks.length; i++) {
    let start = i === 0 ? whole.start : blocks[i - 1]!.start + blocks[i - 1]!.bytes;
    for (let [j, free, between] = [i, 0, 0]; j <= blocks.length; j++) {
      free += (blocks[j]?.start ?? whole.end) - start;
      if (free >= wanted && (fewest === null || between < fewest)) fewest = between;
      if (j === blocks.length || !blocks[j]!.movable) break;
      between += blocks[j]!.bytes;
      start = blocks[j]!.start + blocks[j]!.bytes;
    }
  }
  return fewest;
}

test("gathering makes a piece of the wanted size wherever neighbouring ranges have one, by the fewest bytes moved", () => {
  fc.assert(
    fc.property(layout, fc.integer({ min: 1, max: 30 }), (at, units) => {
      const wanted = 64 * units;
      const found = gathering(at.blocks, taken, at.whole, wanted);
      const fewest = fewestBetween(at, wanted);
      assert.equal(found === null, fewest === null);
      if (found === null) return;
      assert.ok(found.free.some(({ start, end }) => end - start >= wanted));
      assert.equal(
        found.moves.reduce((sum, { block }) => sum + block.bytes, 0),
        fewest,
      );
    }),
    { seed, numRuns: 500 },
  );
});

/** An op allocates; some blocks last for a number of ops, and temporary ones are freed in the reverse order. */
const op = fc.record({
  kept: fc.array(
    fc.record({ weight: fc.integer({ min: 1, max: 1000 }), ops: fc.integer({ min: 1, max: 12 }) }),
    {
      minLength: 1,
      maxLength: 4,
    },
  ),
  temporary: fc.array(fc.integer({ min: 1, max: 1000 }), { maxLength: 3 }),
  high: fc.boolean(),
});

type Op = typeof op extends fc.Arbitrary<infer T> ? T : never;

/** The most that is live at a time, if all is multiplied by `scale`. */
function peakOf(ops: readonly Op[], scale: number): number {
  let peak = 0;
  const lasting: { until: number; bytes: number }[] = [];
  const sum = (sizes: readonly number[]) => sizes.reduce((a, b) => a + alignUp(Math.floor(scale * b)), 0);
  for (const [i, { kept, temporary }] of ops.entries()) {
    for (const { weight, ops } of kept) lasting.push({ until: i + ops, bytes: sum([weight]) });
    const live = lasting.filter(({ until }) => until > i).reduce((total, { bytes }) => total + bytes, 0);
    peak = Math.max(peak, live + sum(temporary));
  }
  return peak;
}

/** Runs a step in which every block holds its number from the op that allocates it to the one that frees it. */
function runStep(device: Device, ops: readonly Op[], scale: number, images: number): void {
  const live: { until: number; block: Block; id: number }[] = [];
  let id = 0;
  const allocate = (weight: number, high: boolean) => {
    const block = device.allocate(Math.floor(scale * weight), "saved", "trace", high ? "high" : "low");
    device.u8(block).fill(++id);
    return { block, id: id & 255 };
  };
  const free = ({ block, id }: { block: Block; id: number }) => {
    assert.ok(device.u8(block).every((byte) => byte === id));
    device.free(block);
  };
  for (const [i, { kept, temporary, high }] of ops.entries()) {
    for (const old of live.filter(({ until }) => until === i)) free(old);
    device.beginOp(`op ${i}`, images);
    for (const { weight, ops } of kept) live.push({ until: i + ops, ...allocate(weight, high) });
    const passing = temporary.map((weight) => allocate(weight, !high));
    for (const one of passing.reverse()) free(one);
  }
  for (const old of live.filter(({ until }) => until >= ops.length)) free(old);
}

test("a step whose live bytes fit runs, after a trial on a part of its images", () => {
  fc.assert(
    fc.property(fc.array(op, { minLength: 1, maxLength: 40 }), (ops) => {
      const device = new Device({ memory: 2 ** 20 });
      let [low, high] = [1, 2 ** 20];
      const capacity = device.freeBytes;
      while (high - low > 0.01) {
        const middle = (low + high) / 2;
        if (peakOf(ops, middle) <= capacity) low = middle;
        else high = middle;
      }
      runStep(device, ops, low / 4, 1);
      runStep(device, ops, low, 4);
      runStep(device, ops, low, 4);
      assert.equal(device.ledger.total, 0);
    }),
    { seed, numRuns: 100 },
  );
});
