/**
 * Gradients that a receiver gets while the backward pass goes are those that would stay at the parameters: the same bits,
 * each once, when its parameter is needed no more. They are never all in memory.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createEngine } from "../../src/engine/engine.js";
import { type GradientReceiver, rowsAtOnce } from "../../src/engine/gradients.js";
import type { Op } from "../../src/engine/op.js";
import type { Parameter } from "../../src/engine/parameter.js";
import { apply, assertNothingLeaks, backward, type Engine } from "../../src/engine/tape.js";
import { Tensor } from "../../src/engine/tensor.js";
import { UsageError } from "../../src/error.js";
import { linear } from "../../src/ops/conv.js";
import { crossEntropy } from "../../src/ops/loss.js";
import { relu } from "../../src/ops/pointwise.js";
import { createRng } from "../../src/rng.js";
import { Sgd } from "../../src/training/optim.js";
import { seed } from "../arbitrary/seed.js";
import { kinds, type Line, Network, reach } from "../laws/passes.js";

/** Random lines; about half of them use the parameters of another one. */
function lines(rng: ReturnType<typeof createRng>, count: number): Line[] {
  const any = (n: number) => Math.floor(rng.uniform() * n);
  return Array.from({ length: count }, () => ({
    id: any(count),
    kind: kinds[any(kinds.length)]!,
    from: any(reach),
    other: any(reach),
  }));
}

test(`a receiver gets each gradient once, with the bits that would stay at the parameter (seed ${seed})`, () => {
  const rng = createRng(seed).fork("gradients");
  for (let i = 0; i < 40; i++) {
    const network = lines(rng, 3 + (i % 6));
    const engine = createEngine({ memory: "8MiB" });
    const whole = new Network(engine);
    backward(whole.loss(network, 2));
    const expected = whole.gradients();
    const received = new Map<string, Float32Array>();
    const own = new Network(engine);
    backward(own.loss(network, 2), {
      whole: i % 2 === 0,
      receive({ name }, gradient, first) {
        assert.equal(first, 0);
        assert.ok(!received.has(name), `${name} comes twice`);
        received.set(name, gradient.data.slice());
        gradient.dispose();
      },
    });
    for (const [name, gradient] of expected) assert.deepEqual(received.get(name), gradient, name);
    assert.equal(received.size, expected.size);
    assertNothingLeaks(engine);
  }
});

interface Layers {
  readonly engine: Engine;
  readonly parameters: Parameter[];
  loss(): Tensor;
}

const width = 768;

/** Four linear layers with weights of 2.25 MiB each; the third uses the weight of the second again. */
function layers(threads = 1): Layers {
  const engine = createEngine({ memory: "64MiB", threads });
  const rng = createRng(seed).fork("layers");
  const values = (n: number) => Float32Array.from({ length: n }, () => (rng.uniform() - 0.5) / 8);
  const parameters = ["a", "b", "c"].map((name): Parameter => {
    const value = Tensor.empty(engine, [width, width], name, "parameters");
    value.data.set(values(width * width));
    return { name, value, gradient: null };
  });
  const [a, b, c] = parameters as [Parameter, Parameter, Parameter];
  const images = values(3 * width);
  return {
    engine,
    parameters,
    loss() {
      const x = [a, b, b, c].reduce(
        (x, weight) => linear(relu(x), weight),
        Tensor.from(engine, images, [3, width]),
      );
      return crossEntropy(x, Tensor.from(engine, [0, 1, 2], [3]));
    },
  };
}

test("a large gradient comes in rows, in order, with the bits of the whole; a shared one comes whole", () => {
  const { parameters, loss, engine } = layers();
  backward(loss());
  const expected = parameters.map(({ gradient }) => gradient!.data.slice());
  for (const parameter of parameters) {
    parameter.gradient!.dispose();
    parameter.gradient = null;
  }
  const received = parameters.map(() => new Float32Array(width * width));
  const pieces = new Map<string, number[]>();
  backward(loss(), {
    whole: false,
    receive(parameter, gradient, first) {
      pieces.set(parameter.name, [...(pieces.get(parameter.name) ?? []), first]);
      received[parameters.indexOf(parameter)]!.set(gradient.data, first * width);
      gradient.dispose();
    },
  });
  const rows = rowsAtOnce([width, width]);
  assert.deepEqual(Object.fromEntries(pieces), { c: [0, rows, 2 * rows], b: [0], a: [0, rows, 2 * rows] });
  assert.deepEqual(received, expected);
  assertNothingLeaks(engine);
});

test("pieces are made of whole blocks of long sums, so a sum over pieces has the bits of the sum over all", () => {
  const rng = createRng(seed).fork("pieces");
  for (const size of [1, 7, 96, 1000, 4096, 9216]) {
    assert.equal((rowsAtOnce([1 << 20, size]) * size) % 1024, 0, `rows of ${size}`);
  }
  for (const kernels of ["reference", "simd"] as const) {
    const engine = createEngine({ memory: "1MiB", kernels });
    const x = Tensor.from(
      engine,
      Float32Array.from({ length: 20_000 }, () => rng.uniform() - 0.5),
      [20_000],
    );
    const [left, right] = [x.data.subarray(0, 5120), x.data.subarray(5120)];
    for (const sum of [engine.kernels.sumAbs, engine.kernels.sumSquares]) {
      assert.equal(sum(right, sum(left)), sum(x.data));
    }
  }
});

for (const momentum of [0.9, 0]) {
  test(`updates during the pass give the bits of updates after it, momentum ${momentum}`, () => {
    const run = (during: boolean) => {
      const { engine, parameters, loss } = layers(during ? 2 : 1);
      const sgd = new Sgd(engine, parameters, { lr: 0.1, momentum, weightDecay: 1e-3, nesterov: true });
      const peaks: number[] = [];
      for (let step = 0; step < 3; step++) {
        const receiver = during ? sgd.receiver(0.5) : null;
        engine.device.ledger.resetPeak();
        backward(loss(), receiver);
        peaks.push(engine.device.ledger.peak.gradients);
        sgd.step(0.5);
      }
      void engine.close();
      return {
        peaks,
        weights: parameters.map(({ value }) => value.data.slice()),
        means: parameters.map((parameter) => sgd.meanMomentum(parameter)),
      };
    };
    const [after, during] = [run(false), run(true)];
    assert.deepEqual(during.weights, after.weights);
    assert.deepEqual(during.means, after.means);
    const weightBytes = 4 * width * width;
    for (const peak of after.peaks) assert.ok(peak > 3 * weightBytes);
    // The shared weight's two contributions are added up.
    for (const peak of during.peaks) assert.ok(peak < 2.1 * weightBytes, `${peak / weightBytes}`);
  });
}

test("an op that adds to a parameter without naming it is refused", () => {
  const engine = createEngine({ memory: "1MiB" });
  const w: Parameter = { name: "w", value: Tensor.from(engine, [2], [1]), gradient: null };
  const careless: Op<null> = {
    name: "careless",
    saves: {},
    forward: (_run, [x]) => ({ y: x!.ref }),
    backward(run, dy) {
      run.accumulate(w, dy);
      return [null];
    },
  };
  const receiver: GradientReceiver = { whole: true, receive: () => assert.fail("nothing is complete") };
  const loss = apply(careless, [Tensor.from(engine, [1], [1])], null, "layer");
  assert.throws(
    () => backward(loss, receiver),
    (error) => error instanceof UsageError && /layer, op careless.*of w.*`parameters`/s.test(error.message),
  );
});
