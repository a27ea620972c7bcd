/** Values that are made in the backward pass stay for whoever asks next, if memory below the peak is to spare. */
import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { createEngine } from "../../src/engine/engine.js";
import { type Packed, Raw } from "../../src/engine/packed.js";
import { PlainStore } from "../../src/engine/store.js";
import { assertNothingLeaks, backward } from "../../src/engine/tape.js";
import { Tensor } from "../../src/engine/tensor.js";
import { BatchNorm2d, build, Conv2d, type Module, name, Sequential } from "../../src/nn/index.js";
import { silu } from "../../src/ops/activation.js";
import { crossEntropy } from "../../src/ops/loss.js";
import { add, flatten } from "../../src/ops/pointwise.js";
import { createRng } from "../../src/rng.js";
import { seed } from "../arbitrary/seed.js";

class Last extends PlainStore {
  override readonly keeps = "last";
  override pack(tensor: Tensor): Packed {
    return new Raw(tensor.ref);
  }
}

/** Nine images of 128 KiB, so four are made at a time. */
const [images, channels, side] = [9, 8, 64];

/** The values of SiLU that one backward pass computes, in images; two convolutions read them. `spare`: bytes below the peak. */
function recomputed(spare: number) {
  const engine = createEngine({ memory: "128MiB", threads: 1, store: new Last() });
  const b = build(engine, seed);
  const conv = (inputs: number) => new Conv2d(b, inputs, channels, 1);
  const norm = new BatchNorm2d(b, channels);
  const layers = name(new Sequential({ first: conv(1), norm, left: conv(channels), right: conv(channels) }));
  const { first, left, right } = layers.children as Record<"first" | "left" | "right", Module>;
  const rng = createRng(seed);
  const values = Float32Array.from({ length: images * side * side }, () => rng.uniform() - 0.5);
  const step = () => {
    const x = Tensor.from(engine, values, [images, 1, side, side]);
    const y = silu(norm.forward(first.forward(x)), "silu");
    const loss = crossEntropy(
      flatten(add(left.forward(y.ref), right.forward(y))),
      Tensor.from(engine, new Float32Array(images), [images]),
    );
    const { device } = engine;
    if (spare > 0) device.free(device.allocate(spare, "workspace", "height"));
    const computing = mock.method(engine.kernels, "silu");
    backward(loss);
    const calls = computing.mock.calls.map(({ arguments: [to] }) => to.length / (channels * side * side));
    computing.mock.restore();
    const gradients = [...layers.allParameters()].map((parameter) => {
      const gradient = parameter.gradient!.data.slice();
      parameter.gradient!.dispose();
      parameter.gradient = null;
      return gradient;
    });
    assertNothingLeaks(engine);
    device.ledger.resetPeak();
    return { made: calls.reduce((sum, count) => sum + count, 0), gradients };
  };
  step();
  return step();
}

test("a SiLU that two ops read is computed once where memory is to spare, and twice where it is not", () => {
  const [once, twice] = [recomputed(2 ** 25), recomputed(0)];
  assert.equal(once.made, images);
  assert.equal(twice.made, 2 * images);
  assert.deepEqual(once.gradients, twice.gradients);
});
