/** The device: what is taken is disjoint and aligned, what is given back is free again, and the ledger adds up. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Allocator, alignment, alignUp } from "../../src/device/allocator.js";
import { type Block, Device } from "../../src/device/device.js";
import { type Category, categories, formatBytes, parseBytes } from "../../src/device/ledger.js";
import { MemoryError, UsageError } from "../../src/error.js";
import { seed } from "../arbitrary/seed.js";

const end = 64 * 1024;

/** A history: sizes to take (low or high), and which of the live pieces to give back in between. */
const history = fc.array(
  fc.record({
    bytes: fc.integer({ min: 1, max: 9000 }),
    high: fc.boolean(),
    giveBack: fc.option(fc.nat(20)),
  }),
  { maxLength: 60 },
);

type Take = Pick<Allocator, "take" | "give" | "freeBytes">;

function allocatorLaw(create: () => Take): void {
  fc.assert(
    fc.property(history, (events) => {
      const allocator = create();
      const live: { start: number; bytes: number }[] = [];
      for (const { bytes: wanted, high, giveBack } of events) {
        const bytes = alignUp(wanted);
        const start = allocator.take(bytes, high ? "high" : "low");
        if (start !== null) {
          assert.equal(start % alignment, 0);
          assert.ok(start >= 128 && start + bytes <= end, "outside the memory");
          for (const other of live) {
            assert.ok(
              start + bytes <= other.start || other.start + other.bytes <= start,
              "two pieces overlap",
            );
          }
          live.push({ start, bytes });
        }
        if (giveBack !== null && giveBack < live.length) {
          const [piece] = live.splice(giveBack, 1);
          allocator.give(piece!.start, piece!.bytes);
        }
        const taken = live.reduce((sum, piece) => sum + piece.bytes, 0);
        assert.equal(allocator.freeBytes, end - 128 - taken);
      }
      for (const { start, bytes } of live) allocator.give(start, bytes);
      // Everything has coalesced: the whole memory is one piece again.
      assert.equal(allocator.take(end - 128, "low"), 128);
    }),
    { seed, numRuns: 300 },
  );
}

/** Which 64-byte units are free, and nothing else: slow, and plain to see. */
class PlainAllocator implements Take {
  readonly #taken: Uint8Array;

  /** The first two units are not free. */
  constructor(units: number) {
    this.#taken = new Uint8Array(units).fill(1, 0, 2);
  }

  /** The free ranges, first unit and number, ascending. */
  ranges(): { start: number; units: number }[] {
    const found: { start: number; units: number }[] = [];
    this.#taken.forEach((taken, unit) => {
      if (taken) return;
      if (unit > 0 && !this.#taken[unit - 1]) found.at(-1)!.units++;
      else found.push({ start: unit, units: 1 });
    });
    return found;
  }

  /** The smallest range that is large enough; of several, the one nearest to the end that the piece is for. */
  take(bytes: number, place: "low" | "high" = "low"): number | null {
    const units = bytes / alignment;
    const fitting = this.ranges().filter((range) => range.units >= units);
    const least = Math.min(...fitting.map((range) => range.units));
    const range = fitting.filter((one) => one.units === least).at(place === "low" ? 0 : -1);
    if (range === undefined) return null;
    const start = place === "low" ? range.start : range.start + range.units - units;
    this.#taken.fill(1, start, start + units);
    return start * alignment;
  }

  give(start: number, bytes: number): void {
    this.#taken.fill(0, start / alignment, (start + bytes) / alignment);
  }

  get freeBytes(): number {
    return alignment * this.#taken.reduce((sum, taken) => sum + 1 - taken, 0);
  }

  /** The first of the largest. */
  largest(): { address: number; bytes: number } {
    const ranges = this.ranges();
    const most = Math.max(0, ...ranges.map(({ units }) => units));
    const { start, units } = ranges.find((range) => range.units === most) ?? { start: 0, units: 0 };
    return { address: start * alignment, bytes: units * alignment };
  }
}

/** Sizes from a few, so that ranges of one size are common. */
const fewSizes = fc.array(
  fc.record({ units: fc.integer({ min: 1, max: 4 }), high: fc.boolean(), giveBack: fc.option(fc.nat(40)) }),
  { minLength: 20, maxLength: 200 },
);

function sameAddresses(units: number): void {
  fc.assert(
    fc.property(fewSizes, fc.integer({ min: 65, max: 128 }), fc.nat(63), (events, begins, more) => {
      const allocator = new Allocator(begins, units * alignment + more);
      const plain = new PlainAllocator(units);
      const live: { start: number; bytes: number }[] = [];
      for (const { units, high, giveBack } of events) {
        const bytes = units * alignment;
        const start = allocator.take(bytes, high ? "high" : "low");
        assert.equal(start, plain.take(bytes, high ? "high" : "low"));
        if (start !== null) live.push({ start, bytes });
        if (giveBack !== null && giveBack < live.length) {
          const [piece] = live.splice(giveBack, 1);
          allocator.give(piece!.start, piece!.bytes);
          plain.give(piece!.start, piece!.bytes);
        }
        assert.deepEqual(allocator.largest(), plain.largest());
        assert.equal(allocator.freeBytes, plain.freeBytes);
      }
    }),
    { seed, numRuns: 200 },
  );
}

test("each piece is where best fit puts it; of ranges of one size, the one nearest to the piece's own end", () => {
  // In a small memory the rest is soon no larger than what comes back.
  for (const units of [12, 30, 1024]) sameAddresses(units);
});

test("a full memory gives nothing, and has no largest range", () => {
  const allocator = new Allocator(0, end);
  assert.equal(allocator.take(end + alignment), null);
  assert.equal(allocator.take(end), 0);
  assert.equal(allocator.take(alignment), null);
  assert.deepEqual(allocator.largest(), { address: 0, bytes: 0 });
  allocator.give(0, end);
  assert.equal(allocator.freeBytes, end);
});

test("the allocator hands out disjoint aligned pieces and gets the whole back", () => {
  allocatorLaw(() => new Allocator(100, end));
});

test("the allocator's law catches one that forgets to coalesce, and one that overlaps", () => {
  class Lazy extends Allocator {
    override give(start: number, bytes: number): void {
      super.give(start, bytes / 2);
    }
  }
  class Greedy extends Allocator {
    override take(bytes: number, place: "low" | "high"): number | null {
      const start = super.take(bytes, place);
      return start !== null && place === "high" ? start - alignment : start;
    }
  }
  assert.throws(() => allocatorLaw(() => new Lazy(100, end)));
  assert.throws(() => allocatorLaw(() => new Greedy(100, end)));
});

test("the ledger knows every category's live and peak bytes", () => {
  const device = new Device({ memory: 2 ** 20 });
  const a = device.allocate(1000, "activations", "a");
  const b = device.allocate(64, "saved", "b", "high");
  assert.equal(device.ledger.live.activations, 1024);
  device.recategorise(a, "saved");
  assert.deepEqual([device.ledger.live.activations, device.ledger.live.saved], [0, 1088]);
  assert.equal(device.ledger.peak.saved, 1088);
  device.free(a);
  device.free(b);
  assert.equal(device.ledger.total, 0);
  assert.equal(device.ledger.peakTotal, 1088);
  assert.ok(categories.every((category) => device.ledger.live[category] === 0));
});

test("bytes that change their purpose are one change of the ledger: no moment is told without them", () => {
  const device = new Device({ memory: 2 ** 20 });
  const block = device.allocate(1000, "activations", "a");
  const told: { activations: number; saved: number; total: number }[] = [];
  device.ledger.onChange = ({ activations, saved }, total) => told.push({ activations, saved, total });
  device.recategorise(block, "saved");
  assert.deepEqual(told, [{ activations: 0, saved: 1024, total: 1024 }]);
  assert.deepEqual([device.ledger.peak.activations, device.ledger.peak.saved], [1024, 1024]);
  assert.deepEqual([device.ledger.peakTotal, device.ledger.atPeak.activations], [1024, 1024]);
});

test("fill keeps exactly what was written, at the high end", () => {
  const device = new Device({ memory: 2 ** 20 });
  const low = device.allocate(640, "activations", "below");
  const [block] = device.fill("saved", "frame", { wanted: 100 }, ([room]) => {
    assert.ok(room!.bytes > 2 ** 19);
    device.bytes().set([1, 2, 3, 4, 5], room!.address);
    return [5];
  }) as [Block];
  assert.deepEqual([...device.u8(block)], [1, 2, 3, 4, 5]);
  assert.equal(block.bytes, 5);
  assert.ok(block.address > low.address + 2 ** 19);
});

test("several rooms are filled at once, as many as are large enough", () => {
  const device = new Device({ memory: 2 ** 20 });
  const space = device.budget;
  const fill = (wanted: number, most: number, lengths: readonly number[]) =>
    device.fill("saved", "frame", { wanted, most }, (rooms) => {
      assert.equal(rooms.length, lengths.length);
      return rooms.map(({ address, bytes }, i) => {
        const length = Math.min(lengths[i]!, bytes);
        device.bytes().fill(i + 1, address, address + length);
        return length;
      });
    });
  // Nearly full rooms: each block comes to lie where the next room's bytes were.
  for (const lengths of [[space / 4, 5, space / 4], [1, space / 3.3, 70], [space]]) {
    const blocks = fill(lengths.length === 1 ? 2 * space : space / 4, 3, lengths);
    blocks.forEach((block, i) => {
      assert.ok(device.u8(block).every((byte) => byte === i + 1));
      device.free(block);
    });
  }
});

test("out of memory says what was asked, by whom, what is live and what would help", () => {
  const device = new Device({ memory: 2 ** 20 });
  device.allocate(500_000, "activations", "layer1.conv");
  assert.throws(
    () => device.allocate(900_000, "gradients", "layer2.conv"),
    (error: Error) => {
      assert.ok(error instanceof MemoryError);
      assert.match(
        error.message,
        /layer2\.conv \(gradients\): expected 879 KiB more of the device's 1.00 MiB/,
      );
      assert.match(error.message, /live: activations 488 KiB/);
      return true;
    },
  );
});

test("the remedy of a shortage names its cause", () => {
  const short = (live: readonly [number, Category][], wanted: readonly [number, Category]) => {
    const device = new Device({ memory: 2 ** 20 });
    device.advice = "another store";
    for (const [bytes, category] of live) device.allocate(bytes, category, "live").pin();
    try {
      device.allocate(wanted[0], wanted[1], "wanted");
    } catch (error) {
      return (error as Error).message;
    }
    return "it fits";
  };
  const most = 900_000;
  assert.match(short([[600_000, "parameters"]], [600_000, "gradients"]), /weights.*alone.*settings.model$/);
  assert.match(short([[most, "saved"]], [most, "activations"]), /saved for the backward.*another store$/);
  assert.match(short([[most, "activations"]], [most, "gradients"]), /no store makes.*settings.memory$/);
});

test("free bytes in pieces are named as such, where the blocks between them are in use", () => {
  const device = new Device({ memory: 2 ** 20 });
  const blocks = Array.from({ length: 9 }, (_, i) => device.allocate(100_000, "saved", `block ${i}`));
  for (const block of blocks) block.pin();
  for (const block of blocks.filter((_, i) => i % 2 === 0)) device.free(block);
  assert.throws(
    () => device.allocate(300_000, "activations", "wanted"),
    /free but no piece over .*the op in progress holds tensors between the free pieces/,
  );
});

test("a budget that is none is refused", () => {
  for (const memory of [0, 1000, -5, Number.NaN, 2 ** 33]) {
    assert.throws(() => new Device({ memory }), UsageError);
  }
});

test("amounts of bytes are read and written", () => {
  assert.deepEqual(["1GiB", "512 MiB", "1.5kb", "7", "x", "-1"].map(parseBytes), [
    2 ** 30,
    2 ** 29,
    1500,
    7,
    null,
    null,
  ]);
  assert.deepEqual([0, 1023, 1536, 2 ** 30, 123456789].map(formatBytes), [
    "0 B",
    "1023 B",
    "1.50 KiB",
    "1.00 GiB",
    "118 MiB",
  ]);
});
