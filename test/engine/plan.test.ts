/** Plans: what they say, and that a pass is right whether or not it is as planned. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { chainRows } from "../../src/engine/chain-rows.js";
import { createEngine } from "../../src/engine/engine.js";
import type { Packed, SaveRequest } from "../../src/engine/packed.js";
import type { Keeps } from "../../src/engine/plan.js";
import { rehearse } from "../../src/engine/rehearsal.js";
import { PlainStore } from "../../src/engine/store.js";
import { abandon, assertNothingLeaks, backward } from "../../src/engine/tape.js";
import { Tensor } from "../../src/engine/tensor.js";
import { UsageError } from "../../src/error.js";
import { crossEntropy } from "../../src/ops/loss.js";
import { batchNorm2d } from "../../src/ops/norm.js";
import { flatten, relu } from "../../src/ops/pointwise.js";
import { chooserOf } from "../../src/stores/recompute/settings.js";
import { seed } from "../arbitrary/seed.js";
import {
  channels,
  close,
  Keeping,
  kinds,
  kindsOf,
  type Line,
  Network,
  reach,
  steps,
} from "../laws/passes.js";

const line = fc.record({
  kind: fc.constantFrom(...kinds),
  from: fc.integer({ min: 0, max: reach - 1 }),
  other: fc.integer({ min: 0, max: reach - 1 }),
});

/** A network, and the same one with some ops left out, replaced, or reading other values. */
const networks = fc
  .array(fc.tuple(line, line, fc.constantFrom("same", "same", "same", "out", "other", "again")), {
    minLength: 3,
    maxLength: 14,
  })
  .map((drawn) => {
    // An op with the number of the one before it has the same site and weights, if it is of the same kind.
    const numbered = drawn.map(([, , change], i) => (change === "again" ? i - 1 : i));
    return {
      lines: drawn.map(([first], i) => ({ id: numbered[i]!, ...first })),
      changed: drawn.flatMap(([first, second, change], i) =>
        change === "out" ? [] : [{ id: numbered[i]!, ...(change === "other" ? second : first) }],
      ),
      flat: numbered.filter((id) => id % 3 === 0),
    };
  });

test("law: whatever a pass is planned by, its gradients are plain's and nothing leaks", () => {
  fc.assert(
    fc.property(networks, ({ lines, changed, flat }) => {
      const runs = [
        { lines, images: 2 },
        { lines, images: 2 },
        { lines, images: 2, flat },
        { lines: changed, images: 2 },
        { lines, images: 3 },
        { lines: changed, images: 1, flat },
      ];
      const plain = steps(new PlainStore(), runs);
      for (const [keeps, recompute, tolerance] of [
        ["all", "cheap", 0],
        ["first", "cheap", 0],
        ["first", "sqrt", 0],
        ["first", "least", 0],
        ["last", "cheap", 1e-3],
        ["last", "sqrt", 1e-3],
        ["last", "least", 1e-3],
      ] as const) {
        const segments = chooserOf({ recompute, recomputeBytes: "" });
        const found = steps(new Keeping(keeps, segments), runs);
        for (const [i, { gradients }] of found.entries()) close(gradients, plain[i]!.gradients, tolerance);
        assert.ok(
          found[1]!.saved <= found[0]!.saved,
          `${keeps}: ${found[1]!.saved} planned, ${found[0]!.saved} not`,
        );
      }
    }),
    { seed, numRuns: 60 },
  );
});

/** The rows of a network's chains in a planned step, short. */
function planned(keeps: Keeps, lines: readonly Line[]): string[] {
  const store = new Keeping(keeps);
  const run = { lines, images: 1 };
  steps(store, [run, run]);
  return chainRows(store)
    .filter(({ name }) => !/mean|invStd|crossEntropy/.test(name))
    .map(({ name, kind, made, requests }) => {
      const form = made ? `${made.how} from ${made.sources.join(", ")}` : kind;
      return `${name}: ${form}: ${requests.map(({ site }) => site).join(" ")}`;
    });
}

test("a plan can be read: each saved tensor's form, and the requests behind it", () => {
  const lines = kindsOf("conv", "norm", "relu", "conv");
  assert.deepEqual(planned("all", lines), [
    "conv0 input 0: raw: conv0.x",
    "conv0: raw: norm1.x",
    "relu2: raw: relu2.y conv3.x",
  ]);
  assert.deepEqual(planned("first", lines), [
    "conv0 input 0: raw: conv0.x",
    "conv0: raw: norm1.x relu2.y conv3.x",
    "norm1: recomputed from conv0: relu2.y conv3.x",
    "relu2: recomputed from norm1: relu2.y conv3.x",
  ]);
  assert.deepEqual(planned("last", lines), [
    "conv0 input 0: raw: conv0.x",
    "norm1: raw: norm1.y relu2.y conv3.x",
    "relu2: recomputed from norm1: relu2.y conv3.x",
  ]);
});

test("a sum is kept in place of an input that nothing else reads, but not where both inputs are the same tensor", () => {
  const sum = (other: number): Line[] => [...kindsOf("conv", "norm"), { id: 2, kind: "add", from: 0, other }];
  assert.deepEqual(planned("last", sum(2)), [
    "conv0 input 0: raw: conv0.x norm1.y",
    "norm1: recovered from add2, conv0 input 0: norm1.y",
    "add2: raw: norm1.y",
  ]);
  assert.deepEqual(planned("last", sum(0)), ["conv0 input 0: raw: conv0.x", "norm1: raw: norm1.y"]);
});

test("two networks that take turns on one engine keep a plan each", () => {
  const [one, two] = [kindsOf("conv", "norm", "relu", "conv"), kindsOf("silu", "silu")].map((lines) => ({
    lines,
    images: 2,
  }));
  const saved = steps(new Keeping("first"), [one!, two!, one!, two!, one!]).map((step) => step.saved);
  assert.deepEqual(saved.slice(2), [saved[2], saved[3], saved[2]]);
  assert.ok(saved[2]! < saved[0]! && saved[3]! < saved[1]!, `${saved}`);
});

/** A step of an own loop, up to the loss. */
function opened(lines: readonly Line[]) {
  const store = new Keeping("first");
  const engine = createEngine({ memory: "8MiB", store });
  const network = new Network(engine);
  const forward = () => network.loss(lines, 2);
  const step = () => {
    const loss = forward();
    const { saved } = engine.device.ledger.live;
    backward(loss);
    network.gradients();
    assertNothingLeaks(engine);
    return saved;
  };
  return { engine, store, forward, step };
}

const chain = kindsOf("conv", "norm", "relu", "conv");

test("a rehearsal saves nothing, shows nothing, and plans the first step already", () => {
  const { engine, store, forward, step } = opened(chain);
  engine.onOutput = assert.fail;
  engine.device.ledger.resetPeak();
  rehearse(engine, forward);
  assert.equal(engine.device.ledger.peak.saved, 0);
  assert.equal(engine.store, store);
  assertNothingLeaks(engine);
  engine.onOutput = null;
  assert.equal(step(), step());
  assert.equal(store.chains.stale, false);
});

test("a rehearsal belongs between two steps, and one that fails leaves the engine as it was", () => {
  const { engine, store, forward, step } = opened(chain);
  const loss = forward();
  assert.throws(
    () => rehearse(engine, forward),
    /^UsageError: rehearse: expected an engine between two steps/,
  );
  loss.dispose();
  abandon(engine);
  const broken = () => {
    forward().dispose();
    throw new UsageError({ where: "here", expected: "a", got: "b", remedy: "c" });
  };
  assert.throws(() => rehearse(engine, broken), /here: expected a/);
  assert.equal(engine.store, store);
  assertNothingLeaks(engine);
  assert.equal(store.chains.stale, true);
  step();
});

test("a rehearsal on one image serves where normalisation sees one value of a channel", () => {
  const engine = createEngine({ memory: "8MiB", store: new Keeping("last") });
  const norm = new Network(engine).norm(0);
  rehearse(engine, () => batchNorm2d(Tensor.from(engine, [1, 2, 3], [1, channels, 1, 1]), norm, "norm"));
  assert.equal(engine.trial, false);
  assert.equal(engine.store.chains.stale, false);
});

test("a pass that is given up plans nothing", () => {
  const { engine, store, forward, step } = opened(chain);
  forward().dispose();
  abandon(engine);
  const unplanned = step();
  const planned = step();
  assert.ok(planned < unplanned, `${planned} of ${unplanned}`);
  const { plan } = store.chains.pass;
  forward().dispose();
  abandon(engine);
  assert.equal(step(), planned);
  assert.equal(store.chains.pass.plan, plan);
});

test("a plan is stale once a scale is too small for its normalisation to be inverted", () => {
  const store = new Keeping("last");
  const engine = createEngine({ memory: "8MiB", store });
  const network = new Network(engine);
  rehearse(engine, () => network.loss(chain, 1));
  assert.equal(store.chains.stale, false);
  network.norm(1).weight.value.data[0] = 1e-3;
  assert.equal(store.chains.stale, true);
  rehearse(engine, () => network.loss(chain, 1));
  backward(network.loss(chain, 2));
  network.gradients();
  assert.deepEqual(
    chainRows(store).flatMap(({ name, kind }) =>
      kind === "raw" && !/mean|invStd|cross/.test(name) ? [name] : [],
    ),
    ["conv0 input 0", "conv0", "relu2"],
  );
});

test("a tensor that outlives a step is saved in the next one as in the first", () => {
  const store = new Keeping("last");
  const engine = createEngine({ memory: "8MiB", store });
  const x = Tensor.from(
    engine,
    Float32Array.from({ length: 48 }, (_, i) => i - 20),
    [1, channels, 4, 4],
  );
  const norm = new Network(engine).norm(0);
  const found = [1, 2, 3].map(() => {
    const y = relu(batchNorm2d(x.ref, norm, "norm"), "relu");
    backward(crossEntropy(flatten(y), Tensor.from(engine, [1], [1])));
    return chainRows(store).map(({ name, requests }) => [name, requests.length]);
  });
  assert.deepEqual(found[1], found[2]);
  x.dispose();
});

test("the noise law's ReLU bound is not promised to a tensor that another op reads in its place", () => {
  const lines = kindsOf("conv", "norm", "relu", "conv");
  const other = lines.map((each) => (each.kind === "relu" ? { ...each, kind: "silu" as const } : each));
  const told: boolean[] = [];
  class Told extends Keeping {
    override pack(tensor: Tensor, requests: readonly SaveRequest[] = [], gated = false): Packed {
      if (requests.some(({ positive }) => positive)) told.push(gated);
      return super.pack(tensor, requests);
    }
  }
  const run = (each: readonly Line[]) => ({ lines: each, images: 1 });
  steps(new Told("last"), [run(lines), run(lines), run(other)]);
  assert.deepEqual(told, [true, false]);
});
