/**
 * The law of every op: its backward is the derivative of its forward.
 *
 * A fixed random weighting of the output makes f a scalar, L = Σ w·f(x). Central differences of L, with sums
 * in binary64, are compared with the gradients from the tape. The result is the largest difference, relative
 * to the largest gradient.
 */

import { Application } from "../../src/engine/application.js";
import type { Op } from "../../src/engine/op.js";
import type { Parameter } from "../../src/engine/parameter.js";
import { apply, backward, type Engine } from "../../src/engine/tape.js";
import { sizeOf, Tensor } from "../../src/engine/tensor.js";
import { createRng } from "../../src/rng.js";

export interface Inputs {
  shapes: readonly (readonly number[])[];
  /**
   * Parameters whose gradients are checked too. They are built once, and the check changes their values
   * temporarily.
   */
  parameters?: readonly Parameter[];
  seed?: number;
  /** Maps a uniform number in [−1, 1) to an input value. */
  value?: (u: number) => number;
}

/**
 * The step of the differences: large enough for float32 forward passes, small enough for smooth functions.
 */
const step = 2 ** -7;

export function gradientError(
  engine: Engine,
  f: (...inputs: Tensor[]) => Tensor,
  { shapes, parameters = [], seed = 1, value = (u) => u }: Inputs,
): number {
  const rng = createRng(seed);
  const inputs = shapes.map((shape) =>
    Float32Array.from({ length: sizeOf(shape) }, () => value(2 * rng.uniform() - 1)),
  );
  const gradients: (Float32Array | null)[] = inputs.map(() => null);
  const weights = new Map<number, Float32Array>();
  const weightsOf = (size: number) => {
    if (!weights.has(size))
      weights.set(
        size,
        Float32Array.from({ length: size }, () => 2 * rng.uniform() - 1),
      );
    return weights.get(size)!;
  };
  const run = () => f(...inputs.map((values, i) => leaf(engine, values, shapes[i]!, gradients, i)));
  const y = run();
  backward(apply(weightedSumOp, [y], { weights: weightsOf(y.size), shape: y.shape }));
  const analytic = [...gradients, ...parameters.map(({ gradient }) => gradient!.data.slice())];
  for (const parameter of parameters) {
    parameter.gradient!.dispose();
    parameter.gradient = null;
  }
  const loss = () => {
    engine.recording = false;
    const output = run();
    const sum = output.data.reduce((total, v, i) => total + v * weightsOf(output.size)[i]!, 0);
    output.dispose();
    engine.recording = true;
    engine.tape.length = 0;
    return sum;
  };
  let [worst, largest] = [0, 0];
  [...inputs, ...parameters.map((parameter) => parameter.value.data)].forEach((values, k) => {
    for (let i = 0; i < values.length; i++) {
      const kept = values[i]!;
      values[i] = kept + step;
      const above = loss();
      values[i] = kept - step;
      const below = loss();
      values[i] = kept;
      const difference = (above - below) / (2 * step);
      worst = Math.max(worst, Math.abs(difference - analytic[k]![i]!));
      largest = Math.max(largest, Math.abs(difference));
    }
  });
  return worst / largest;
}

/** An input on the tape whose gradient is kept. */
function leaf(
  engine: Engine,
  values: Float32Array,
  shape: readonly number[],
  gradients: (Float32Array | null)[],
  index: number,
): Tensor {
  const leafOp: Op<null> = {
    name: "leaf",
    saves: {},
    forward: (_run, [x]) => ({ y: x! }),
    backward(_run, dy) {
      gradients[index] = dy.data.slice();
      dy.dispose();
      return [];
    },
  };
  const node = new Application(leafOp, null, "leaf", [], new Map());
  engine.tape.push(node);
  return Tensor.from(engine, values, shape).move(shape, node);
}

const weightedSumOp: Op<{ weights: Float32Array; shape: readonly number[] }> = {
  name: "weightedSum",
  saves: {},
  forward(run, [x], { weights }) {
    const y = run.empty([1]);
    y.data[0] = x!.data.reduce((sum, v, i) => sum + v * weights[i]!, 0);
    return { y };
  },
  backward(run, dy, { weights, shape }) {
    const dx = run.empty(shape);
    dx.data.set(weights);
    dy.dispose();
    return [dx];
  },
};
