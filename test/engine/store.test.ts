/** Ownership and the seam: who frees what, what is shared, and what an error says. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createEngine } from "../../src/engine/engine.js";
import type { Packed, SaveRequest } from "../../src/engine/packed.js";
import type { Parameter } from "../../src/engine/parameter.js";
import { PlainStore } from "../../src/engine/store.js";
import { assertNothingLeaks, backward, type Engine } from "../../src/engine/tape.js";
import { Tensor } from "../../src/engine/tensor.js";
import { FreedError } from "../../src/error.js";
import { conv2d } from "../../src/ops/conv.js";
import { crossEntropy } from "../../src/ops/loss.js";
import { add, flatten, relu } from "../../src/ops/pointwise.js";

const freshEngine = (store = new PlainStore()): Engine =>
  createEngine({ memory: "16MiB", kernels: "reference", store });

function parameter(engine: Engine, shape: readonly number[]): Parameter {
  const value = Tensor.empty(engine, shape, "weight", "parameters");
  value.data.forEach((_, i) => {
    value.data[i] = ((i * 37) % 11) / 11 - 0.5;
  });
  return { name: "w", value, gradient: null };
}

const image = (engine: Engine) =>
  Tensor.from(
    engine,
    Float32Array.from({ length: 32 }, (_, i) => ((i * 29) % 13) - 6),
    [1, 2, 4, 4],
  );

/** conv → relu → (conv + shortcut): the relu's output is saved by the relu, by the conv, and used by the add. */
function residual(engine: Engine, w: Parameter): Tensor {
  const y = relu(conv2d(image(engine), w, null, { padding: 1 }, "conv1"), "relu1");
  const z = add(conv2d(y.ref, w, null, { padding: 1 }, "conv2"), y, "add");
  return crossEntropy(flatten(z), Tensor.from(engine, [3], [1]));
}

/** Counts what it is asked to pack. */
class Counting extends PlainStore {
  readonly packs: string[] = [];

  override pack(tensor: Tensor, requests: readonly SaveRequest[] = []): Packed {
    this.packs.push(requests.map(({ site, need }) => `${site.name}:${need}`).join(" + "));
    return super.pack(tensor);
  }
}

test("ops that save the same tensor share one packed copy, packed when the forward pass lets go of it", () => {
  const store = new Counting();
  const engine = freshEngine(store);
  const w = parameter(engine, [2, 2, 3, 3]);
  const loss = residual(engine, w);
  assert.ok(store.packs.includes("relu1.y:support + conv2.x:value"), store.packs.join("; "));
  assert.equal(store.packs.filter((pack) => pack.includes("relu1")).length, 1);
  backward(loss);
  w.gradient!.dispose();
  assertNothingLeaks(engine);
});

test("a tensor is moved by the op that consumes it, and using it again says the remedy", () => {
  const engine = freshEngine();
  const x = image(engine);
  const y = relu(x);
  assert.throws(
    () => x.data,
    (error: Error) => error instanceof FreedError && /write x\.ref/.test(error.message),
  );
  assert.throws(() => relu(x), FreedError);
  y.dispose();
  assert.throws(() => y.dispose(), FreedError);
});

test("an op writes in place when nobody else needs its operand, and not otherwise", () => {
  const engine = freshEngine();
  engine.recording = false;
  const x = image(engine);
  const { address } = x.storage.block;
  const y = relu(x.ref);
  assert.notEqual(y.storage.block.address, address);
  assert.equal(x.data[0], -6);
  y.dispose();
  const z = relu(x);
  assert.equal(z.storage.block.address, address);
  z.dispose();
  assert.equal(engine.device.ledger.total, 0);
});

test("a step that leaves something live is an error that names the site", () => {
  const engine = freshEngine();
  const w = parameter(engine, [2, 2, 3, 3]);
  const kept = Tensor.from(engine, [1], [1], "my diagnostics");
  assert.throws(
    () => assertNothingLeaks(engine),
    (error: Error) => /my diagnostics \(activations\)/.test(error.message),
  );
  kept.dispose();
  assertNothingLeaks(engine);
  assert.equal(w.gradient, null);
});

test("a handle is taken once", () => {
  const engine = freshEngine();
  const x = image(engine);
  const handle = engine.store.put(x, { name: "here", op: "test", parameter: null }, "value");
  x.dispose();
  assert.equal(engine.device.ledger.live.saved, 128);
  engine.store.take(handle).dispose();
  assert.equal(engine.device.ledger.total, 0);
  assert.throws(
    () => engine.store.take(handle),
    (error: Error) => /store\.take\(here\)/.test(error.message),
  );
});

test("a value that is still in use serves backward itself", () => {
  const engine = freshEngine();
  const w = parameter(engine, [2, 2, 3, 3]);
  const x = image(engine);
  const y = conv2d(x.ref, w, null, { padding: 1 });
  const loss = crossEntropy(flatten(y), Tensor.from(engine, [0], [1]));
  backward(loss);
  assert.equal(x.data[0], -6);
  x.dispose();
  w.gradient!.dispose();
  assertNothingLeaks(engine);
});

/** Gives its images one by one, as a form does that is decoded in parts. */
class OneByOne extends PlainStore {
  override pack(tensor: Tensor): Packed {
    const whole = super.pack(tensor);
    return {
      kind: "raw",
      bytes: whole.bytes,
      images: 1,
      range: (first, count) => whole.range(first, count),
      free: () => whole.free(),
    };
  }
}

test("a gate on a tensor that comes in parts opens where each image is not 0", () => {
  const engine = freshEngine(new OneByOne());
  const values = Float32Array.of(1, 0, 0, 2, 3, 3, 0, 0);
  const site = { name: "relu.y", op: "relu", parameter: null };
  const x = Tensor.from(engine, values, [4, 2]);
  const handle = engine.store.put(x, site, "support");
  x.dispose();
  const dx = engine.store.gate(handle, Tensor.from(engine, new Float32Array(8).fill(5), [4, 2]));
  assert.deepEqual([...dx.data], [5, 0, 0, 5, 5, 5, 0, 0]);
  dx.dispose();
  assertNothingLeaks(engine);
});

test("a second handle on a tensor keeps it when the first is given up", () => {
  const engine = freshEngine();
  const site = { name: "conv.x", op: "conv2d", parameter: null };
  const x = image(engine);
  const values = [...x.data];
  const first = engine.store.put(x, site, "value");
  const second = engine.store.share(first);
  x.dispose();
  engine.store.drop(first);
  const back = engine.store.take(second);
  assert.deepEqual([...back.data], values);
  back.dispose();
  assertNothingLeaks(engine);
});
