/** The WebAssembly kernels that treat each element, row or byte independently. */
import { UsageError } from "../../error.js";
import { checkBits, type Lengths } from "../check.js";
import type { Kernels } from "../kernels.js";
import { blockLength } from "../reference/order.js";
import { addressOf, type Launcher } from "./launch.js";

type Elements = Pick<
  Kernels,
  | "relu"
  | "reluBackward"
  | "sigmoid"
  | "sigmoidBackward"
  | "silu"
  | "siluBackward"
  | "add"
  | "subtract"
  | "scale"
  | "fill"
  | "packNonZero"
  | "applyMask"
  | "dropoutMask"
  | "packBits"
  | "unpackBits"
  | "softmax"
  | "crossEntropy"
  | "crossEntropyBackward"
  | "sgd"
  | "sum"
  | "sumAbs"
  | "sumSquares"
  | "maxAbs"
  | "countNonZero"
  | "nonFinite"
>;

/** Ranges of elements begin at whole vectors of four. */
const vector = { perUnit: 1, grain: 4 };

export function elementKernels(launcher: Launcher): Elements {
  const bytesFor = (n: number, bits: number): number => Math.ceil((n * bits) / 8);

  /** Runs kernel(y, …inputs, …scalars, begin, end) over y's elements; y may be an input. */
  function pointwise(kernel: string, y: Float32Array, inputs: Float32Array[], scalars: number[] = []): void {
    const named: Lengths = {};
    for (const [i, x] of inputs.entries()) named[`input ${i + 1}`] = [x, y.length];
    const views = launcher.check(kernel, { output: [y, y.length] }, named, true);
    launcher.launch(kernel, [...views, ...scalars], y.length, vector);
  }

  /** Adds the sums of the blocks to `before`, in ascending order. */
  function blockwise(kernel: string, x: Float32Array, before = 0): number {
    const views = launcher.check(kernel, {}, { x: [x, x.length] });
    const blocks = Math.ceil(x.length / blockLength);
    return launcher.borrow(blocks * 8, kernel, (sums) => {
      launcher.launch(kernel, [sums, ...views, x.length], blocks, { perUnit: blockLength });
      return launcher.f64(sums, blocks).reduce((total, sum) => total + sum, before);
    });
  }

  /** The results of kernel(x, begin, end) for the ranges of x's elements, in ascending order. */
  function perRange(kernel: string, x: Float32Array): number[] {
    const views = launcher.check(kernel, {}, { x: [x, x.length] });
    return launcher.launch(kernel, views, x.length, vector);
  }

  function checkLabels(where: string, labels: Float32Array, classes: number): void {
    const wrong = labels.findIndex((label) => !(Number.isInteger(label) && label >= 0 && label < classes));
    if (wrong >= 0) {
      throw new UsageError({
        where: `${where}: label ${wrong}`,
        expected: `a class from 0 to ${classes - 1}`,
        got: String(labels[wrong]),
        remedy: "check the data set's labels and the model's number of classes",
      });
    }
  }

  return {
    relu: (y, x) => pointwise("relu", y, [x]),
    reluBackward: (dx, dy, y) => pointwise("reluBackward", dx, [dy, y]),
    sigmoid: (y, x) => pointwise("sigmoid", y, [x]),
    sigmoidBackward: (dx, dy, y) => pointwise("sigmoidBackward", dx, [dy, y]),
    silu: (y, x) => pointwise("silu", y, [x]),
    siluBackward: (dx, dy, x) => pointwise("siluBackward", dx, [dy, x]),
    add: (y, a, b) => pointwise("add", y, [a, b]),
    subtract: (y, a, b) => pointwise("subtract", y, [a, b]),
    scale: (y, x, factor) => pointwise("scale", y, [x], [factor]),
    fill: (y, value) => pointwise("fill", y, [], [value]),

    packNonZero(mask, x) {
      const bytes = bytesFor(x.length, 1);
      const views = launcher.check("packNonZero", { mask: [mask, bytes] }, { x: [x, x.length] });
      launcher.launch("packNonZero", [...views, x.length], bytes, { perUnit: 8 });
    },
    applyMask(dx, dy, mask, factor) {
      const n = dx.length;
      const bytes = bytesFor(n, 1);
      const views = launcher.check("applyMask", { dx: [dx, n] }, { dy: [dy, n] }, true);
      const [, maskAt] = launcher.check("applyMask", { dx: [dx, n] }, { mask: [mask, bytes] });
      launcher.launch("applyMask", [...views, maskAt!, factor, n], bytes, { perUnit: 8 });
    },
    dropoutMask(mask, n, p, seed) {
      const bytes = bytesFor(n, 1);
      const views = launcher.check("dropoutMask", { mask: [mask, bytes] }, {});
      if (!(p >= 0 && p < 1)) {
        throw new UsageError({
          where: "dropoutMask: p",
          expected: "a probability from 0 to below 1",
          got: String(p),
          remedy: "correct the dropout rate",
        });
      }
      const args = [...views, n, Math.floor(p * 2 ** 32), seed];
      launcher.launch("dropoutMask", args, bytes, { perUnit: 16 });
    },
    packBits(packed, values, bits) {
      const n = values.length;
      checkBits("packBits", bits);
      const lengths: Lengths = { packed: [packed, bytesFor(n, bits)] };
      const views = launcher.check("packBits", lengths, { values: [values, n] });
      launcher.launch("packBits", [...views, n, bits], Math.ceil(n / 8), { perUnit: 16 });
    },
    unpackBits(values, packed, bits) {
      const n = values.length;
      checkBits("unpackBits", bits);
      const lengths: Lengths = { packed: [packed, bytesFor(n, bits)] };
      const views = launcher.check("unpackBits", { values: [values, n] }, lengths);
      launcher.launch("unpackBits", [...views, n, bits], Math.ceil(n / 8), { perUnit: 16 });
    },

    softmax(y, x, rows, classes) {
      const n = rows * classes;
      const views = launcher.check("softmax", { y: [y, n] }, { x: [x, n] }, true);
      launcher.launch("softmax", [...views, classes], rows, { perUnit: classes * 8 });
    },
    crossEntropy(loss, probabilities, x, labels, rows, classes, smoothing) {
      const n = rows * classes;
      const views = launcher.check(
        "crossEntropy",
        { loss: [loss, rows], probabilities: [probabilities, n] },
        { x: [x, n], labels: [labels, rows] },
      );
      checkLabels("crossEntropy", labels, classes);
      launcher.launch("crossEntropy", [...views, classes, smoothing], rows, { perUnit: classes * 8 });
    },
    crossEntropyBackward(dx, probabilities, labels, rows, classes, smoothing, factor) {
      const n = rows * classes;
      const views = launcher.check(
        "crossEntropyBackward",
        { dx: [dx, n] },
        { probabilities: [probabilities, n], labels: [labels, rows] },
        true,
      );
      const args = [...views, classes, smoothing, factor];
      launcher.launch("crossEntropyBackward", args, rows, { perUnit: classes });
    },

    // The kernel takes g between the two outputs, so the addresses are not in the order of the check.
    sgd(w, g, m, { lr, momentum, weightDecay, nesterov }) {
      const n = w.length;
      launcher.check("sgd", { w: [w, n], m: [m, n] }, { g: [g, n] });
      const args = [w, g, m].map(addressOf);
      launcher.launch("sgd", [...args, lr, momentum, weightDecay, Number(nesterov)], n, vector);
    },

    sum: (x) => blockwise("sum", x),
    sumAbs: (x, before) => blockwise("sumAbs", x, before),
    sumSquares: (x, before) => blockwise("sumSquares", x, before),
    maxAbs: (x) => Math.max(0, ...perRange("maxAbs", x)),
    countNonZero: (x) => perRange("countNonZero", x).reduce((sum, count) => sum + count, 0),
    nonFinite: (x) => perRange("nonFinite", x).find((index) => index >= 0) ?? -1,
  };
}
