/** Segments that are run again: each once in a backward pass, and what they made goes with its last share. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { chainRows } from "../../src/engine/chain-rows.js";
import { createEngine } from "../../src/engine/engine.js";
import type { ChooseSegments } from "../../src/engine/plan.js";
import { abandon, assertNothingLeaks, backward } from "../../src/engine/tape.js";
import { Keeping, kindsOf, type Line, Network, segmentsFrom } from "../laws/passes.js";

/** One planned step, and how often the weights of each convolution were applied in it. */
function stepped(lines: readonly Line[], segments: ChooseSegments | null) {
  const store = new Keeping("first", segments);
  const engine = createEngine({ memory: "8MiB", store });
  const network = new Network(engine);
  const calls = new Map<string, number>();
  const { kernels } = engine;
  const counting: typeof kernels = Object.create(kernels, {
    conv2dForward: {
      value: (...given: Parameters<typeof kernels.conv2dForward>) => {
        const of = [...network.parameters].find(([, { value }]) => value.data === given[2]);
        calls.set(of![0], (calls.get(of![0]) ?? 0) + 1);
        kernels.conv2dForward(...given);
      },
    },
  });
  Object.assign(engine, { kernels: counting });
  backward(network.loss(lines, 2));
  network.gradients();
  calls.clear();
  engine.device.ledger.resetPeak();
  const loss = network.loss(lines, 2);
  const { saved } = engine.device.ledger.live;
  backward(loss);
  const gradients = network.gradients();
  assertNothingLeaks(engine);
  const { saved: peak } = engine.device.ledger.peak;
  return { engine, network, store, saved, peak, gradients, calls: Object.fromEntries(calls) };
}

type Stepped = ReturnType<typeof stepped>;

const block = kindsOf("conv", "norm", "relu", "conv", "norm", "relu", "conv", "norm", "relu", "conv", "relu");

test("a segment is run once, and only as far as its last tensor that is needed", () => {
  const plain = stepped(block, null);
  assert.deepEqual(plain.calls, { conv0: 1, conv3: 1, conv6: 1, conv9: 1 });
  const once = stepped(block, segmentsFrom(0));
  assert.deepEqual(once.gradients, plain.gradients);
  assert.deepEqual(once.calls, { conv0: 2, conv3: 2, conv6: 2, conv9: 1 });
  const { made } = chainRows(once.store).find(({ name }) => name === "conv3")!;
  assert.deepEqual(made, { how: "rerun", by: "conv0", sources: ["conv0 input 0"] });
});

test("segments hold their tensors one after the other", () => {
  const long = kindsOf(...Array.from({ length: 12 }, () => ["conv", "norm", "relu"] as const).flat(), "conv");
  const [cheap, once, often] = [null, segmentsFrom(0), segmentsFrom(0, 9, 18, 27)].map((segments) =>
    stepped(long, segments),
  ) as [Stepped, Stepped, Stepped];
  assert.deepEqual(often.gradients, cheap.gradients);
  assert.ok(once.saved < often.saved && often.saved < cheap.saved, `${once.saved} ${often.saved}`);
  assert.ok(often.peak < 0.65 * once.peak, `${often.peak} of ${once.peak}`);
});

test("a pass that is given up leaves nothing of its segments", () => {
  const { engine, network } = stepped(block, segmentsFrom(0, 5));
  for (const count of [1, 4, block.length]) {
    const loss = network.loss(block.slice(0, count), 2);
    loss.dispose();
    abandon(engine);
    assertNothingLeaks(engine);
  }
});
