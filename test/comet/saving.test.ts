/** What dense mode must save under `auto`, by a network's work for each stored value. */
import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { usualSaving } from "../../src/codec/dense/choice.js";
import { WasmCodec } from "../../src/codec/wasm.js";
import { leastSaving } from "../../src/comet/saving.js";
import { randomImages } from "../../src/data/random.js";
import { planChains } from "../../src/engine/plan.js";
import { train } from "../../src/training/loop.js";
import { createSession } from "../../src/training/session.js";
import { defaults } from "../../src/training/settings.js";

/** The plan of a network's passes under COMET. */
async function planOf(model: string, image: number) {
  const { test, ...dataset } = randomImages(2, image);
  const settings = { ...defaults, model, batch: 2, steps: 1, threads: 1, store: "comet" } as const;
  const session = createSession(settings, { ...dataset, test: { ...test, length: 0, batch() {} } });
  try {
    await train(session);
    return planChains(session.engine.store.chains.pass.trace, "last");
  } finally {
    await session.close();
  }
}

const all = () => true;

test("a network that does little work for each value asks for more", async () => {
  const [resnet18, mobile] = [await planOf("resnet18", 64), await planOf("efficientnet_b0", 64)];
  assert.equal(leastSaving(resnet18, all), usualSaving);
  // Its forward pass makes about 55 multiply-adds for each stored value, so dense mode would have to save more than all bytes.
  assert.ok(leastSaving(mobile, all) > 1);
});

test("by hand: 60 multiply-adds a value, of three times the forward pass, nine times over", () => {
  const each = 4 * 1000;
  const sizes = new Map([
    ["x", { each, once: 0 }],
    ["y", { each, once: 0 }],
  ]);
  const step = { name: "conv", parameter: { value: { size: 2160, shape: [10, 216] } }, output: "y", sizes };
  const tensor = (name: string, need: string, made: object | null) => ({
    name,
    made,
    requests: [{ need, site: {} }],
  });
  const tensors = [tensor("x", "value", null), tensor("y", "value", {}), tensor("z", "support", null)];
  const plan = { steps: new Map([["conv", step]]), tensors: new Map(tensors.map((t) => [t.name, t])) };
  const given = plan as unknown as Parameters<typeof leastSaving>[0];
  // x alone is stored. Forward: 1000 outputs of 216 multiply-adds.
  assert.ok(Math.abs(leastSaving(given, all) - (9 * 60 * 1000) / (3 * 216000)) < 1e-12);
  assert.equal(
    leastSaving(given, () => false),
    usualSaving,
  );
});

test("the first step of a session asks as the next ones do, so that a resumed run makes the same frames", async () => {
  for (const [store, model] of [
    ["comet", "resnet50"],
    ["comet-conv", "efficientnet_b0"],
  ] as const) {
    const { test, ...dataset } = randomImages(6, 64);
    const settings = { ...defaults, model, batch: 2, steps: 3, threads: 1, store } as const;
    const session = createSession(settings, { ...dataset, test: { ...test, length: 0, batch() {} } });
    const choosing = mock.method(WasmCodec.prototype, "chooseAt");
    const asked: number[][] = [];
    try {
      await train(session, {
        onRecord({ kind }) {
          if (kind !== "step") return;
          asked.push(choosing.mock.calls.map(({ arguments: given }) => given[4]!));
          choosing.mock.resetCalls();
        },
      });
    } finally {
      choosing.mock.restore();
      await session.close();
    }
    assert.ok(asked.length === 3 && asked.every((step) => step.length > 0));
    // Every pass of `comet` has a plan, which gives ResNet-50 more than the usual; `comet-conv` would
    // have one from its second pass on, under which EfficientNet-B0 does not even try dense mode.
    const usual = (saving: number) => saving === usualSaving;
    assert.ok(store === "comet" ? !asked.flat().some(usual) : asked.flat().every(usual));
  }
});
