/** The WebAssembly kernels that treat each element, row or byte independently. */
import { UsageError } from "../../error.js";
import { checkBits, type Lengths } from "../check.js";
import type { Kernels } from "../kernels.js";
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
/** Length of a block in the order of sums (reference/order.ts). */
const blockLength = 1024;

export function elementKernels(launcher: Launcher): Elements {
  const bytesFor = (n: number, bits: number): number => Math.ceil((n * bits) / 8);

  /** Runs kernel(y, …inputs, …scalars, begin, end) over y's elements; y may be an input. */
  function pointwise(kernel: string, y: Float32Array, inputs: Float32Array[], scalars: number[] = []): void {
    const named: Lengths = {};
    for (const [i, x] of inputs.entries()) named[`input ${i + 1}`] = [x, y.length];
    launcher.check(kernel, { output: [y, y.length] }, named, true);
    launcher.launch(kernel, [addressOf(y), ...inputs.map(addressOf), ...scalars], y.length, vector);
  }

  /** Adds the sums of the blocks in ascending order. */
  function blockwise(kernel: string, x: Float32Array): number {
    launcher.check(kernel, {}, { x: [x, x.length] });
    const blocks = Math.ceil(x.length / blockLength);
    return launcher.borrow(blocks * 8, kernel, (sums) => {
      launcher.launch(kernel, [sums, addressOf(x), x.length], blocks, { perUnit: blockLength });
      return launcher.f64(sums, blocks).reduce((total, sum) => total + sum, 0);
    });
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
      launcher.check("packNonZero", { mask: [mask, bytes] }, { x: [x, x.length] });
      launcher.launch("packNonZero", [addressOf(mask), addressOf(x), x.length], bytes, { perUnit: 8 });
    },
    applyMask(dx, dy, mask, factor) {
      const n = dx.length;
      const bytes = bytesFor(n, 1);
      launcher.check("applyMask", { dx: [dx, n] }, { dy: [dy, n] }, true);
      launcher.check("applyMask", { dx: [dx, n] }, { mask: [mask, bytes] });
      const args = [addressOf(dx), addressOf(dy), addressOf(mask), factor, n];
      launcher.launch("applyMask", args, bytes, { perUnit: 8 });
    },
    dropoutMask(mask, n, p, seed) {
      const bytes = bytesFor(n, 1);
      launcher.check("dropoutMask", { mask: [mask, bytes] }, {});
      if (!(p >= 0 && p < 1)) {
        throw new UsageError({
          where: "dropoutMask: p",
          expected: "a probability from 0 to below 1",
          got: String(p),
          remedy: "correct the dropout rate",
        });
      }
      const args = [addressOf(mask), n, Math.floor(p * 2 ** 32), seed];
      launcher.launch("dropoutMask", args, bytes, { perUnit: 16 });
    },
    packBits(packed, values, bits) {
      const n = values.length;
      checkBits("packBits", bits);
      launcher.check("packBits", { packed: [packed, bytesFor(n, bits)] }, { values: [values, n] });
      const args = [addressOf(packed), addressOf(values), n, bits];
      launcher.launch("packBits", args, Math.ceil(n / 8), { perUnit: 16 });
    },
    unpackBits(values, packed, bits) {
      const n = values.length;
      checkBits("unpackBits", bits);
      launcher.check("unpackBits", { values: [values, n] }, { packed: [packed, bytesFor(n, bits)] });
      const args = [addressOf(values), addressOf(packed), n, bits];
      launcher.launch("unpackBits", args, Math.ceil(n / 8), { perUnit: 16 });
    },

    softmax(y, x, rows, classes) {
      const n = rows * classes;
      launcher.check("softmax", { y: [y, n] }, { x: [x, n] }, true);
      launcher.launch("softmax", [addressOf(y), addressOf(x), classes], rows, { perUnit: classes * 8 });
    },
    crossEntropy(loss, probabilities, x, labels, rows, classes, smoothing) {
      const n = rows * classes;
      launcher.check(
        "crossEntropy",
        { loss: [loss, rows], probabilities: [probabilities, n] },
        { x: [x, n], labels: [labels, rows] },
      );
      checkLabels("crossEntropy", labels, classes);
      const views = [loss, probabilities, x, labels].map(addressOf);
      launcher.launch("crossEntropy", [...views, classes, smoothing], rows, { perUnit: classes * 8 });
    },
    crossEntropyBackward(dx, probabilities, labels, rows, classes, smoothing, factor) {
      const n = rows * classes;
      launcher.check(
        "crossEntropyBackward",
        { dx: [dx, n] },
        { probabilities: [probabilities, n], labels: [labels, rows] },
        true,
      );
      const views = [dx, probabilities, labels].map(addressOf);
      const args = [...views, classes, smoothing, factor];
      launcher.launch("crossEntropyBackward", args, rows, { perUnit: classes });
    },

    sgd(w, g, m, { lr, momentum, weightDecay, nesterov }) {
      const n = w.length;
      launcher.check("sgd", { w: [w, n], m: [m, n] }, { g: [g, n] });
      const args = [w, g, m].map(addressOf);
      launcher.launch("sgd", [...args, lr, momentum, weightDecay, Number(nesterov)], n, vector);
    },

    sum: (x) => blockwise("sum", x),
    sumAbs: (x) => blockwise("sumAbs", x),
    sumSquares: (x) => blockwise("sumSquares", x),
    maxAbs(x) {
      launcher.check("maxAbs", {}, { x: [x, x.length] });
      return Math.max(0, ...launcher.launch("maxAbs", [addressOf(x)], x.length, vector));
    },
    countNonZero(x) {
      launcher.check("countNonZero", {}, { x: [x, x.length] });
      const counts = launcher.launch("countNonZero", [addressOf(x)], x.length, vector);
      return counts.reduce((sum, count) => sum + count, 0);
    },
    nonFinite(x) {
      launcher.check("nonFinite", {}, { x: [x, x.length] });
      const found = launcher.launch("nonFinite", [addressOf(x)], x.length, vector);
      return found.find((index) => index >= 0) ?? -1;
    },
  };
}
