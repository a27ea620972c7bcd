/** Every op's backward is the derivative of its forward; and the check would notice if it were not. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createEngine } from "../../src/engine/engine.js";
import type { Op } from "../../src/engine/op.js";
import type { Parameter } from "../../src/engine/parameter.js";
import { apply, type Engine } from "../../src/engine/tape.js";
import { sizeOf, Tensor } from "../../src/engine/tensor.js";
import { basicBlock } from "../../src/models/resnet-cifar.js";
import { build, Conv2d, name } from "../../src/nn/index.js";
import { sigmoid, silu } from "../../src/ops/activation.js";
import { adaptiveAvgPool2d } from "../../src/ops/adaptive.js";
import { concat } from "../../src/ops/concat.js";
import { conv2d, linear } from "../../src/ops/conv.js";
import { stochasticDepth } from "../../src/ops/depth.js";
import { squeezeExcitation } from "../../src/ops/excitation.js";
import { crossEntropy, softmax } from "../../src/ops/loss.js";
import { batchNorm2d } from "../../src/ops/norm.js";
import { add, dropout, flatten, relu } from "../../src/ops/pointwise.js";
import { avgPool2d, maxPool2d } from "../../src/ops/pool.js";
import { downsample } from "../../src/ops/shortcut.js";
import { createRng } from "../../src/rng.js";
import { gradientError, type Inputs } from "../laws/gradient.js";

const engine = createEngine({ memory: "64MiB", kernels: "reference" });

function parameter(shape: readonly number[], seed: number): Parameter {
  const rng = createRng(seed);
  const value = Tensor.empty(engine, shape, "test", "parameters");
  for (let i = 0; i < sizeOf(shape); i++) value.data[i] = 2 * rng.uniform() - 1;
  return { name: `p${seed}`, value, gradient: null };
}

const state = (C: number) => ({
  weight: parameter([C], 11),
  bias: parameter([C], 12),
  runningMean: Tensor.from(engine, new Float32Array(C), [C]),
  runningVar: Tensor.from(engine, new Float32Array(C).fill(1), [C]),
  eps: 1e-5,
  momentum: 0.1,
  training: true,
});

/** Away from the kink at 0, by more than the step of the differences. */
const awayFromZero = (u: number) => u + Math.sign(u) * 0.1;
/** Far enough apart that no step changes which is largest. */
const apart = () => {
  const order = createRng(5).permutation(200);
  let i = 0;
  return () => order[i++ % 200]! / 10;
};

type Case = [title: string, f: (...inputs: Tensor[]) => Tensor, inputs: Inputs];

const w = parameter([4, 3, 3, 3], 1);
const b = parameter([4], 2);
const grouped = parameter([4, 2, 3, 2], 3);
const fc = parameter([5, 7], 4);
const fcBias = parameter([5], 5);
const norm = state(3);

const cases: Case[] = [
  [
    "conv2d",
    (x) => conv2d(x, w, b, { stride: 1, padding: 1 }),
    { shapes: [[2, 3, 5, 4]], parameters: [w, b] },
  ],
  [
    "conv2d, stride 2, padding 2",
    (x) => conv2d(x, w, null, { stride: 2, padding: 2 }),
    { shapes: [[2, 3, 6, 5]], parameters: [w] },
  ],
  [
    "conv2d, groups, odd window",
    (x) => conv2d(x, grouped, null, { groups: 2, padding: 1 }),
    { shapes: [[2, 4, 4, 5]], parameters: [grouped] },
  ],
  ["linear", (x) => linear(x, fc, fcBias), { shapes: [[3, 7]], parameters: [fc, fcBias] }],
  [
    "batchNorm2d",
    (x) => batchNorm2d(x, norm),
    { shapes: [[3, 3, 3, 2]], parameters: [norm.weight, norm.bias] },
  ],
  [
    "batchNorm2d with running statistics",
    (x) => batchNorm2d(x, { ...norm, training: false }),
    { shapes: [[3, 3, 3, 2]], parameters: [norm.weight, norm.bias] },
  ],
  ["relu", (x) => relu(x), { shapes: [[3, 17]], value: awayFromZero }],
  ["maxPool2d", (x) => maxPool2d(x, { kernel: 2 }), { shapes: [[2, 2, 5, 6]], value: apart() }],
  [
    "maxPool2d, overlapping and padded",
    (x) => maxPool2d(x, { kernel: 3, stride: 2, padding: 1 }),
    { shapes: [[1, 2, 7, 6]], value: apart() },
  ],
  ["avgPool2d", (x) => avgPool2d(x, { kernel: 3, stride: 2, padding: 1 }), { shapes: [[1, 2, 7, 6]] }],
  [
    "maxPool2d over the far edges",
    (x) => maxPool2d(x, { kernel: 3, stride: 2, ceil: true }),
    { shapes: [[1, 2, 6, 8]], value: apart() },
  ],
  ["adaptiveAvgPool2d to 1 × 1", (x) => adaptiveAvgPool2d(x, 1), { shapes: [[2, 3, 4, 5]] }],
  ["adaptiveAvgPool2d to fewer", (x) => adaptiveAvgPool2d(x, 3), { shapes: [[2, 2, 5, 7]] }],
  ["adaptiveAvgPool2d to more", (x) => adaptiveAvgPool2d(x, 4), { shapes: [[2, 2, 2, 3]] }],
  ["sigmoid", (x) => sigmoid(x), { shapes: [[3, 17]], value: (u) => 4 * u }],
  ["silu", (x) => silu(x), { shapes: [[3, 17]], value: (u) => 4 * u }],
  [
    "squeezeExcitation",
    (x, s) => squeezeExcitation(x, s),
    {
      shapes: [
        [2, 3, 3, 2],
        [2, 3, 1, 1],
      ],
    },
  ],
  ["stochasticDepth", (x) => stochasticDepth(x, 0.5, 3), { shapes: [[6, 2, 3, 2]] }],
  [
    "concat",
    (a, b) => concat(a, b),
    {
      shapes: [
        [2, 3, 2, 2],
        [2, 1, 2, 2],
      ],
    },
  ],
  [
    "add",
    (x, y) => add(x, y),
    {
      shapes: [
        [2, 3, 3, 2],
        [2, 3, 3, 2],
      ],
    },
  ],
  ["add of a tensor to itself", (x) => add(x.ref, x), { shapes: [[2, 9]] }],
  ["flatten", (x) => flatten(x), { shapes: [[2, 3, 3, 2]] }],
  ["dropout", (x) => dropout(x, 0.4, 7), { shapes: [[4, 25]] }],
  ["softmax", (x) => softmax(x), { shapes: [[3, 6]] }],
  ["crossEntropy", (x) => crossEntropy(x, Tensor.from(engine, [0, 3, 5], [3])), { shapes: [[3, 6]] }],
  [
    "crossEntropy, smoothed",
    (x) => crossEntropy(x, Tensor.from(engine, [0, 3, 5], [3]), { smoothing: 0.1 }),
    { shapes: [[3, 6]] },
  ],
  ["downsample", (x) => downsample(x, 2, 7), { shapes: [[2, 3, 5, 4]] }],
];

for (const [title, f, inputs] of cases) {
  test(`the gradient of ${title} is its derivative`, () => {
    const error = gradientError(engine, f, inputs);
    assert.ok(error < 2e-3, `relative error ${error}`);
  });
}

test("a residual block's gradient is its derivative", () => {
  const block = name(basicBlock(build(engine, 3), 2, 4, 2));
  const parameters = [...block.allParameters()];
  const error = gradientError(engine, (x) => block.forward(x), {
    shapes: [[2, 2, 4, 4]],
    parameters,
    seed: 9,
  });
  // ReLUs inside: a few differences straddle a kink, so the tolerance is wider.
  assert.ok(error < 5e-2, `relative error ${error}`);
});

/** The same op with a wrong derivative. */
function broken<A>(op: Op<A>, spoil: (dx: Float32Array) => void): Op<A> {
  return {
    ...op,
    backward(run, dy, attributes) {
      const gradients = op.backward(run, dy, attributes);
      for (const gradient of gradients) if (gradient) spoil(gradient.data);
      return gradients;
    },
  };
}

const double: Op<null> = {
  name: "double",
  saves: {},
  forward(run, [x]) {
    const y = run.empty(x!.shape);
    x!.data.forEach((v, i) => {
      y.data[i] = 2 * v;
    });
    return { y };
  },
  backward(_run, dy) {
    const dx = dy.recycle("double");
    dx.data.forEach((v, i) => {
      dx.data[i] = 2 * v;
    });
    return [dx];
  },
};

test("the check fails on a wrong derivative", () => {
  const inputs = { shapes: [[3, 8]] };
  const errorOf = (op: Op<null>) => gradientError(engine, (x) => apply(op, [x], null), inputs);
  assert.ok(errorOf(double) < 1e-3);
  assert.ok(errorOf(broken(double, (dx) => dx.fill(0, 0, 1))) > 0.05, "one element lost");
  assert.ok(errorOf(broken(double, (dx) => dx.reverse())) > 0.05, "elements swapped");
  assert.ok(
    errorOf(
      broken(double, (dx) =>
        dx.forEach((v, i) => {
          dx[i] = 1.01 * v;
        }),
      ),
    ) > 5e-3,
    "1 % off",
  );
});

test("flatten gives the op before it a gradient of the shape that this op put out", () => {
  const error = gradientError(engine, (x) => flatten(batchNorm2d(x, norm)), { shapes: [[2, 3, 4, 4]] });
  assert.ok(error < 1e-2, `${error}`);
});

test("nothing is left on the device but parameters", () => {
  const kinds = new Set([...engine.device.blocks()].map(({ category }) => category));
  kinds.delete("parameters");
  // The running statistics made above are the tests' own.
  const live = [...engine.device.blocks()].filter(({ category }) => category === "activations");
  assert.equal(live.length, 2);
});

test("a module's parameters carry PyTorch's names", () => {
  const conv = name(new Conv2d(build(engine as Engine, 1), 1, 1, 1), "features.0");
  assert.deepEqual(
    [...conv.allParameters()].map((p) => p.name),
    ["features.0.weight", "features.0.bias"],
  );
});
