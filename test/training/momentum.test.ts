/** The momentum in bfloat16: half the bytes, and errors within the law of docs/decisions/transients.md. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createEngine } from "../../src/engine/engine.js";
import type { Parameter } from "../../src/engine/parameter.js";
import { Tensor } from "../../src/engine/tensor.js";
import { createRng } from "../../src/rng.js";
import { type MomentumType, momentumOf } from "../../src/training/momentum.js";
import { Sgd } from "../../src/training/optim.js";
import { seed } from "../arbitrary/seed.js";

/** More than are in float32 at a time, and an odd number. */
const size = 70_001;

const u = 2 ** -8;

/** The momenta after steps with random gradients, and what the steps have made of weights that were 0. */
function run(type: MomentumType, momentum: number, steps: number, threads = 1) {
  const engine = createEngine({ memory: "8MiB", threads });
  const value = Tensor.from(engine, new Float32Array(size), [size], "w");
  const parameter: Parameter = { name: "w", value, gradient: null };
  const sgd = new Sgd(engine, [parameter], { lr: 0.1, momentum, momentumType: type });
  const rng = createRng(seed).fork("momentum");
  const history: Float32Array[] = [];
  for (let step = 0; step < steps; step++) {
    const gradient = Tensor.empty(engine, [size], "gradient", "gradients");
    // Sizes over many powers of two, as weights have.
    gradient.data.set(Array.from(gradient.data, (_, i) => (rng.uniform() - 0.3) * 2 ** -(i % 20)));
    parameter.gradient = gradient;
    sgd.step();
    history.push(sgd.state.momentum.get("w")!.data.slice());
  }
  const { optimiser } = engine.device.ledger.live;
  const mean = sgd.meanMomentum(parameter);
  void engine.close();
  return { history, optimiser, mean, weights: value.data.slice(), sgd, parameter };
}

test("the error keeps to its worst case, and its σ to that of the law", () => {
  for (const momentum of [0.5, 0.9]) {
    const [exact, rounded] = [run("float32", momentum, 30), run("bfloat16", momentum, 30)];
    let squares = 0;
    let nearest = 0;
    for (let i = 0; i < size; i++) {
      // Rounding may have made the largest momentum smaller by u.
      const largest = Math.max(...exact.history.map((m) => Math.abs(m[i]!))) * (1 + u / (1 - momentum));
      const error = Math.abs(rounded.history.at(-1)![i]! - exact.history.at(-1)![i]!);
      const most = (u * largest) / (1 - momentum);
      assert.ok(error <= most, `${error} of at most ${most}`);
      nearest = Math.max(nearest, error / most);
      squares += (error / largest) ** 2;
    }
    const sigma = Math.sqrt(squares / size);
    assert.ok(sigma < u / Math.sqrt(3 * (1 - momentum ** 2)), `${sigma}`);
    // The law is not vacuous.
    assert.ok(sigma > u / 20 && nearest > 0.05, `${sigma}, ${nearest}`);
  }
});

test("it takes half the bytes, on any number of threads it has the same bits, and its mean is that of its values", () => {
  const [whole, narrow, shared] = [
    run("float32", 0.9, 2),
    run("bfloat16", 0.9, 2),
    run("bfloat16", 0.9, 2, 2),
  ];
  assert.ok(narrow.optimiser <= whole.optimiser / 2 + 64, `${narrow.optimiser}`);
  assert.deepEqual(shared.weights, narrow.weights);
  assert.deepEqual(shared.history, narrow.history);
  const sum = narrow.history.at(-1)!.reduce((sum, m) => sum + Math.abs(m), 0);
  assert.ok(Math.abs(narrow.mean - sum / size) < 1e-6 * narrow.mean);
  // The first step starts from zeros: it is exact, and so are the weights after it.
  assert.deepEqual(run("bfloat16", 0.9, 1).weights, run("float32", 0.9, 1).weights);
});

test("what a checkpoint holds comes back as it was", () => {
  const engine = createEngine({ memory: "8MiB" });
  for (const type of ["float32", "bfloat16"] as const) {
    const rng = createRng(seed).fork(type);
    const momentum = momentumOf(engine, [size], "m", type);
    assert.ok(momentum.data.every((m) => m === 0));
    momentum.set(Float32Array.from({ length: size }, () => rng.uniform() - 0.5));
    const held = momentum.data.slice();
    const other = momentumOf(engine, [size], "m", type);
    other.set(held);
    assert.deepEqual(other.data, held);
    assert.equal(other.sumAbs(), momentum.sumAbs());
  }
});
