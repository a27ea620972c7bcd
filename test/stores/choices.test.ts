/** Which parts of a pass are computed again: known answers on chains, and that no other choice is better. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { TracedStep } from "../../src/engine/plan.js";
import { everyRootth, leastBytes, within } from "../../src/stores/recompute/choices.js";
import { type Choice, Parts } from "../../src/stores/recompute/parts.js";
import { seed } from "../arbitrary/seed.js";

/** A chain of ops that are not cheap, each of which saves its input, of so many 64 bytes. The last one's output is not saved. */
function chain(units: readonly number[]): Parts {
  const sizeOf = (i: number) => ({ each: 64 * (units[i] ?? 1), once: 0 });
  const steps = units.map((_, i): TracedStep => {
    const [input, name] = [`t${i}`, `t${i + 1}`];
    const site = { name: `${name}.x`, op: "op", parameter: null };
    return {
      name,
      op: { name: "op", saves: { x: "value" } },
      parameter: null,
      inputs: [input],
      output: name,
      saves: [{ tensor: input, site, need: "value" }],
      sizes: new Map([
        [input, sizeOf(i)],
        [name, sizeOf(i + 1)],
      ]),
      bitsBytes: 0,
      current: () => true,
    };
  });
  return new Parts(steps, "first", 1);
}

/** The bytes that wait at a time under a choice, most and at the end of the forward pass, and the work of it. */
function costOf(parts: Parts, choice: Choice) {
  let [at, kept, peak, work] = [0, 0, 0, 0];
  for (const [from, to] of choice) {
    if (from > at) kept += parts.kept(at, from).keptBytes;
    const again = parts.again(from, to)!;
    peak = Math.max(peak, kept + again.peakBytes);
    kept += again.keptBytes;
    work += again.work;
    at = to;
  }
  kept += parts.kept(at, parts.end).keptBytes;
  return { peak: Math.max(peak, kept), work };
}

test("√n: 16 ops keep 3 tensors, hold 6 and repeat 9 ops; 9 keep 2, hold 4 and repeat 4; beside the input", () => {
  for (const [length, kept, held, again] of [
    [16, 3, 6, 9],
    [9, 2, 4, 4],
  ] as const) {
    const parts = chain(Array(length).fill(1));
    const choice = everyRootth(parts);
    const { peak, work } = costOf(parts, choice);
    assert.equal(parts.kept(0, length).keptBytes / 64, length);
    assert.deepEqual([choice.length, peak / 64 - 1, work / 16], [kept, held, again]);
  }
});

/** Every choice of a chain. */
function* choices(end: number, from = 0): Iterable<Choice> {
  yield [];
  for (let begin = from; begin < end - 1; begin++) {
    for (let to = begin + 1; to < end; to++)
      for (const rest of choices(end, to)) yield [[begin, to], ...rest];
  }
}

test("law: no choice needs fewer bytes than the fewest, and none within a budget less work than the chosen one", () => {
  const chains = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 2, maxLength: 7 });
  fc.assert(
    fc.property(chains, fc.double({ min: 0, max: 1, noNaN: true }), (units, part) => {
      const parts = chain(units);
      const all = [...choices(parts.end)].map((choice) => costOf(parts, choice));
      const least = leastBytes(parts);
      assert.equal(least, Math.min(...all.map(({ peak }) => peak)));
      const budget = Math.ceil(least + part * (parts.kept(0, parts.end).keptBytes - least));
      const chosen = costOf(parts, within(parts, budget)!);
      assert.ok(chosen.peak <= budget, `${chosen.peak} of ${budget}`);
      assert.equal(
        chosen.work,
        Math.min(...all.filter(({ peak }) => peak <= budget).map(({ work }) => work)),
      );
      assert.equal(within(parts, least - 1), null);
    }),
    { seed, numRuns: 100 },
  );
});
