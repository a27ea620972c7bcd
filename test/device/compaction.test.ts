/** Compaction loses no byte, and what fits by its bytes fits: whatever was allocated and freed before. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { alignUp } from "../../src/device/allocator.js";
import { Block } from "../../src/device/block.js";
import { compaction } from "../../src/device/compaction.js";
import { Device } from "../../src/device/device.js";
import { seed } from "../arbitrary/seed.js";

const taken = ({ bytes }: { bytes: number }): number => alignUp(bytes);

test("after the moves all blocks are disjoint and whole, fixed ones are where they were, and the rest is free", () => {
  const piece = fc.record({ gap: fc.nat(3), units: fc.integer({ min: 1, max: 4 }), fixed: fc.boolean() });
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 20 }), fc.nat(6), (pieces, wanted) => {
      const clock = { op: 0 };
      let end = 0;
      const blocks = pieces.map(({ gap, units, fixed }, i) => {
        const block = new Block(clock, end + 64 * gap, 64 * units, "saved", String(i));
        if (fixed) block.pin();
        end = block.start + block.bytes;
        return block;
      });
      const whole = { start: 0, end: end + 128 };
      const memory = new Int32Array(whole.end / 64).fill(-1);
      const fill = (to: number, bytes: number, id: number) => memory.fill(id, to / 64, (to + bytes) / 64);
      for (const [i, { start, bytes }] of blocks.entries()) fill(start, bytes, i);
      const { moves, free } = compaction(blocks, taken, whole, 64 * wanted);
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
        assert.ok(
          end > start && (i === 0 || start > free[i - 1]!.end),
          "ascending, none empty, none adjacent",
        );
        assert.ok(used.subarray(start / 64, end / 64).every((n) => n === 0));
        used.fill(1, start / 64, end / 64);
      }
      assert.ok(
        used.every((n) => n === 1),
        "every byte is taken or free",
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
