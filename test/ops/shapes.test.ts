/** Shapes that do not fit are refused by name, before the device is touched. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createEngine } from "../../src/engine/engine.js";
import type { Parameter } from "../../src/engine/parameter.js";
import { Tensor } from "../../src/engine/tensor.js";
import { ShapeError } from "../../src/error.js";
import { build, Conv2d } from "../../src/nn/index.js";
import { adaptiveAvgPool2d } from "../../src/ops/adaptive.js";
import { type Conv2dOptions, conv2d, linear } from "../../src/ops/conv.js";
import { softmax } from "../../src/ops/loss.js";
import { batchNorm2d } from "../../src/ops/norm.js";
import { avgPool2d, maxPool2d, type PoolOptions, pooledExtent } from "../../src/ops/pool.js";
import { outputExtent } from "../../src/ops/window.js";
import { seed } from "../arbitrary/seed.js";

const engine = createEngine({ memory: "8MiB", threads: 1 });
const zeros = (...shape: number[]) =>
  Tensor.from(engine, new Float32Array(shape.reduce((a, b) => a * b)), shape);
const parameter = (...shape: number[]): Parameter => ({ name: "p", value: zeros(...shape), gradient: null });

const image = zeros(2, 3, 8, 8);
const matrix = zeros(2, 3);
const weight = parameter(4, 3, 3, 3);
const convolve = (options: Conv2dOptions) => conv2d(image.ref, weight, null, options);
const pool = (options: PoolOptions) => maxPool2d(image.ref, options);
const layer = (channels: [number, number, number], options: Conv2dOptions = {}) =>
  new Conv2d(build(engine, 1), ...channels, options);

const normalise = (x: Tensor, training: boolean) =>
  batchNorm2d(x, {
    weight: parameter(3),
    bias: parameter(3),
    runningMean: zeros(3),
    runningVar: zeros(3),
    eps: 1e-5,
    momentum: 0.1,
    training,
  });

const refusals: readonly [title: string, call: () => unknown, message: RegExp][] = [
  [
    "batchNorm2d of one value in training",
    () => normalise(zeros(1, 3, 1, 1), true),
    /batchNorm2d: expected more than one value of each channel in training, got \[1,3,1,1\]/,
  ],
  [
    "conv2d of stride 0",
    () => convolve({ stride: 0 }),
    /conv2d: expected stride a whole number of at least 1, got 0/,
  ],
  ["conv2d of stride ½", () => convolve({ stride: 0.5 }), /stride .* got 0.5/],
  ["conv2d of stride −1", () => convolve({ stride: -1 }), /stride .* got -1/],
  ["conv2d of padding −1", () => convolve({ padding: -1 }), /padding a whole number of at least 0, got -1/],
  ["conv2d of padding NaN", () => convolve({ padding: Number.NaN }), /padding .* got NaN/],
  ["conv2d of 0 groups", () => convolve({ groups: 0 }), /groups .* got 0/],
  ["conv2d of a matrix", () => conv2d(matrix.ref, weight), /expected an input N × C × H × W .* got \[2,3\]/],
  [
    "conv2d by a matrix",
    () => conv2d(image.ref, parameter(3, 3)),
    /weight K × C\/groups × R × S, got .*\[3,3\]/,
  ],
  [
    "linear by a window",
    () => linear(matrix.ref, weight),
    /expected an input N × C for a weight K × C \[4,3,3,3\]/,
  ],
  ["a layer of 0 groups", () => layer([4, 4, 3], { groups: 0 }), /Conv2d: expected groups .* got 0/],
  [
    "a layer of groups that do not divide",
    () => layer([4, 6, 3], { groups: 4 }),
    /4 groups share evenly, got 4 to 6/,
  ],
  ["a layer of no channels", () => layer([3, 0, 3]), /outChannels .* got 0/],
  ["a layer of stride ½", () => layer([3, 3, 3], { stride: 0.5 }), /stride .* got 0.5/],
  ["maxPool2d of stride 0", () => pool({ kernel: 2, stride: 0 }), /maxPool2d: expected stride .* got 0/],
  ["maxPool2d of padding ½", () => pool({ kernel: 2, padding: 0.5 }), /padding .* got 0.5/],
  ["maxPool2d of window 0", () => pool({ kernel: 0 }), /kernel .* got 0/],
  [
    "maxPool2d of a matrix",
    () => maxPool2d(matrix.ref, { kernel: 1 }),
    /images N × C × H × W, got \[2,3\]; pool before/,
  ],
  ["avgPool2d of a matrix", () => avgPool2d(matrix.ref, { kernel: 1 }), /avgPool2d: expected images/],
  [
    "adaptiveAvgPool2d of a matrix",
    () => adaptiveAvgPool2d(matrix.ref, 1),
    /adaptiveAvgPool2d: expected images/,
  ],
  ["softmax of images", () => softmax(image.ref), /softmax: expected N × classes, got \[2,3,8,8\]; flatten/],
];

for (const [title, call, message] of refusals) {
  test(`${title} is a ShapeError that says what was expected`, () => {
    assert.throws(call, (error: Error) => error instanceof ShapeError && message.test(error.message));
  });
}

test("the output's extent is the number of windows that fit", () => {
  const whole = (min: number, max: number) => fc.integer({ min, max });
  fc.assert(
    fc.property(whole(1, 40), whole(1, 9), whole(1, 4), whole(0, 4), (extent, kernel, stride, padding) => {
      let windows = 0;
      for (let start = -padding; start + kernel <= extent + padding; start += stride) windows++;
      assert.equal(Math.max(0, outputExtent(extent, kernel, { stride, padding })), windows);
      assert.equal(Math.max(0, pooledExtent(extent, { kernel, stride, padding })), windows);
      assert.equal(pooledExtent(extent, { kernel }), Math.floor(extent / kernel));
    }),
    { seed, numRuns: 300 },
  );
});

test("batchNorm2d takes one value of each channel in evaluation", () => {
  const y = normalise(zeros(1, 3, 1, 1), false);
  assert.deepEqual(y.shape, [1, 3, 1, 1]);
  y.dispose();
});
