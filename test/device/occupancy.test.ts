/** An occupancy adds up: at each moment its rows are the live bytes, and its peak is the ledger's. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Block } from "../../src/device/block.js";
import { Device } from "../../src/device/device.js";
import { categories } from "../../src/device/ledger.js";
import { Occupancy } from "../../src/device/occupancy.js";
import { seed } from "../arbitrary/seed.js";

const event = fc.record({
  bytes: fc.integer({ min: 1, max: 900 }),
  category: fc.constantFrom(...categories),
  site: fc.nat(60),
  free: fc.option(fc.nat(100)),
});

test("the rows of each moment add up to the live bytes, and the peak has its op", () => {
  fc.assert(
    fc.property(fc.array(event, { minLength: 1, maxLength: 900 }), (events) => {
      const device = new Device({ memory: 2 ** 21 });
      device.ledger.resetPeak();
      const occupancy = new Occupancy();
      const totals = new Map<string, number>();
      device.ledger.onChange = (_, total) => {
        occupancy.changed(device.op, total, () => device.blocks());
        totals.set(
          device.op,
          [...device.blocks()].reduce((sum, { bytes }) => sum + bytes, 0),
        );
      };
      const live: Block[] = [];
      let highest = { op: "", bytes: 0 };
      events.forEach(({ bytes, category, site, free }, i) => {
        device.op = `op ${i}`;
        if (free !== null && free < live.length) device.free(live.splice(free, 1)[0]!);
        device.op = `op ${i}, second`;
        live.push(device.allocate(bytes, category, `site ${site}`));
        if (device.ledger.total > highest.bytes) highest = { op: device.op, bytes: device.ledger.total };
      });
      const { ops, series, peak } = occupancy.record!;
      assert.deepEqual({ op: peak.op, bytes: peak.bytes }, highest);
      assert.equal(ops[peak.moment], peak.op);
      ops.forEach((op, i) => {
        const sum = series.reduce((all, { bytes }) => all + bytes[i]!, 0);
        assert.equal(sum, totals.get(op));
      });
      const held = peak.holders.reduce((sum, { bytes }) => sum + bytes, 0);
      assert.equal(held, totals.get(peak.op));
      assert.ok(series.length <= 32 + categories.length && ops.length <= 257);
    }),
    { seed, numRuns: 30 },
  );
});
