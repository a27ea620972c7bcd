/**
 * Softmax, and the cross entropy of its output.
 *
 *   L = −(1/N) Σ_i log softmax(x_i)[label_i]        ∇x = (softmax(x) − onehot(label))/N
 */

import type { Op } from "../engine/op.js";
import { apply } from "../engine/tape.js";
import type { Tensor } from "../engine/tensor.js";
import { DataError, ShapeError } from "../error.js";

interface CrossEntropyAttributes {
  labels: Tensor;
  smoothing: number;
}

export const crossEntropyOp: Op<CrossEntropyAttributes> = {
  name: "crossEntropy",
  saves: { probabilities: "exact", labels: "exact" },
  forward(run, [logits], { labels, smoothing }) {
    const { kernels } = run.engine;
    const [rows, classes] = logits!.shape as [number, number];
    const losses = run.empty([rows]);
    const probabilities = run.empty([rows, classes]);
    kernels.crossEntropy(
      losses.data,
      probabilities.data,
      logits!.data,
      labels.data,
      rows,
      classes,
      smoothing,
    );
    const y = run.empty([1]);
    y.data[0] = kernels.sum(losses.data) / rows;
    losses.dispose();
    return { y, saved: { probabilities, labels } };
  },
  backward(run, dy, { smoothing }) {
    const probabilities = run.take("probabilities");
    const labels = run.take("labels");
    const [rows, classes] = probabilities.shape as [number, number];
    const dx = run.empty([rows, classes]);
    const factor = Math.fround(dy.data[0]! / rows);
    run.engine.kernels.crossEntropyBackward(
      dx.data,
      probabilities.data,
      labels.data,
      rows,
      classes,
      smoothing,
      factor,
    );
    for (const tensor of [probabilities, labels, dy]) tensor.dispose();
    return [dx];
  },
};

/** The mean over the batch. logits: N × classes; labels: N class numbers. Consumes both. */
export function crossEntropy(logits: Tensor, labels: Tensor, { smoothing = 0 } = {}, site?: string): Tensor {
  const [rows, classes] = logits.shape;
  if (logits.shape.length !== 2 || labels.size !== rows) {
    throw new ShapeError({
      where: site ?? "crossEntropy",
      expected: "logits N × classes and N labels",
      got: `[${logits.shape}] and [${labels.shape}]`,
      remedy: "give one label for each row",
    });
  }
  const wrong = labels.data.find((label) => !(Number.isInteger(label) && label >= 0 && label < classes!));
  if (wrong !== undefined) {
    throw new DataError({
      where: site ?? "crossEntropy",
      expected: `labels from 0 to ${classes! - 1}`,
      got: String(wrong),
      remedy: "use a network with as many outputs as the data has classes",
    });
  }
  return apply(crossEntropyOp, [logits], { labels, smoothing }, site);
}

const softmaxOp: Op<null> = {
  name: "softmax",
  saves: { y: "exact" },
  forward(run, [x]) {
    const [rows, classes] = x!.shape as [number, number];
    const y = run.empty(x!.shape);
    run.engine.kernels.softmax(y.data, x!.data, rows, classes);
    return { y, saved: { y } };
  },
  /** ∇x = y·(δ − Σ_j δ_j·y_j), row by row, in plain float32 steps: there are only a few values. */
  backward(run, dy) {
    const y = run.take("y");
    const [rows, classes] = y.shape as [number, number];
    const [values, incoming] = [y.data, dy.data];
    const dx = dy.recycle(run.site);
    const gradient = dx.data;
    for (let row = 0; row < rows; row++) {
      let dot = 0;
      for (let j = row * classes; j < (row + 1) * classes; j++) {
        dot = Math.fround(dot + Math.fround(incoming[j]! * values[j]!));
      }
      for (let j = row * classes; j < (row + 1) * classes; j++) {
        gradient[j] = Math.fround(values[j]! * Math.fround(incoming[j]! - dot));
      }
    }
    y.dispose();
    return [dx];
  },
};

/** The softmax of each row. x: N × classes. */
export function softmax(x: Tensor, site?: string): Tensor {
  if (x.shape.length !== 2) {
    throw new ShapeError({
      where: site ?? "softmax",
      expected: "N × classes",
      got: `[${x.shape}]`,
      remedy: "flatten the input first",
    });
  }
  return apply(softmaxOp, [x], null, site);
}
