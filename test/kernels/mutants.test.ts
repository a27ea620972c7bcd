/** The law of kernels can fail: one broken implementation of each kernel, each of which must be caught. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Conv2dShape, Kernels } from "../../src/kernels/kernels.js";
import { exp } from "../../src/kernels/reference/exponential.js";
import { referenceKernels as right } from "../../src/kernels/reference.js";
import { seed } from "../arbitrary/seed.js";
import { agrees, laws } from "../laws/kernels.js";
import { onHeap } from "../laws/subject.js";
import { fewerBitsMutants } from "./fewer-bits-mutants.js";
import { jpegMutants } from "./jpeg-mutants.js";
import { normMutants } from "./norm-mutants.js";

const { fround } = Math;

/** Moves every element one place on, as a wrong lane would. */
function rotate(y: Float32Array | Uint8Array): void {
  if (y.length < 2) return;
  const last = y[y.length - 1]!;
  y.copyWithin(1, 0);
  y[0] = last;
}

/** The window's rows and columns confused. */
const turned = (s: Conv2dShape): Conv2dShape => ({ ...s, R: s.S, S: s.R });

/** A sum in plain order and binary64 throughout. */
const plainSum = (x: Float32Array, term: (v: number) => number): number =>
  x.reduce((sum, v) => sum + term(v), 0);

/** What is wrong, and the kernel that does it. */
const mutants: { [K in keyof Kernels]?: [fault: string, Kernels[K]] } = {
  gemm: [
    "rounds once, at the end",
    (c, a, b, { m, n, k, transposeA, transposeB }) => {
      for (let i = 0; i < m; i++) {
        for (let j = 0; j < n; j++) {
          let sum = 0;
          for (let l = 0; l < k; l++) {
            sum += a[transposeA ? l * m + i : i * k + l]! * b[transposeB ? j * k + l : l * n + j]!;
          }
          c[i * n + j] = sum;
        }
      }
    },
  ],
  conv2dForward: [
    "adds the bias last",
    (y, x, w, bias, s) => {
      right.conv2dForward(y, x, w, null, s);
      if (bias) right.addBias(y, bias, { N: s.N, C: s.K, size: s.P * s.Q });
    },
  ],
  conv2dInputGradient: [
    "skips the windows that reach the padding of the far edge",
    (dx, dy, w, s) => {
      right.conv2dInputGradient(dx, dy, w, s);
      dx.fill(0, dx.length - 1);
    },
  ],
  conv2dWeightGradient: [
    "swaps r and s",
    (dw, dy, x, s, more) => right.conv2dWeightGradient(dw, dy, x, s.R === s.S ? s : turned(s), more),
  ],
  conv2dNoiseEnergy: [
    "leaves the padding out of the share's divisor",
    (energy, dy, x, s) => {
      right.conv2dNoiseEnergy(energy, dy, x, s);
      if (s.padding > 0) right.scale(energy, energy, s.R / (s.R - 0.5));
    },
  ],
  addBias: [
    "one channel on",
    (y, bias, s) =>
      right.addBias(
        y,
        Float32Array.from(bias, (_, i) => bias[(i + 1) % bias.length]!),
        s,
      ),
  ],
  biasGradient: [
    "sums in plain order",
    (db, dy, { N, C, size }) => {
      for (let c = 0; c < C; c++) {
        let sum = 0;
        for (let n = 0; n < N; n++) {
          for (let i = 0; i < size; i++) sum = fround(sum + dy[(n * C + c) * size + i]!);
        }
        db[c] = sum;
      }
    },
  ],
  ...normMutants,
  relu: [
    "lets −0 through",
    (y, x) => {
      // biome-ignore lint/complexity/useMathMinMax: this one differs, in the sign of zero.
      for (let i = 0; i < y.length; i++) y[i] = x[i]! < 0 ? 0 : x[i]!;
    },
  ],
  reluBackward: [
    "passes at zero",
    (dx, dy) => {
      for (let i = 0; i < dx.length; i++) dx[i] = dy[i]!;
    },
  ],
  sigmoid: [
    "uses the engine's exponential",
    (y, x) => {
      for (let i = 0; i < y.length; i++) y[i] = 1 / (1 + Math.exp(-x[i]!));
    },
  ],
  sigmoidBackward: [
    "takes the input for the output",
    (dx, dy, y) => {
      const s = y.slice();
      right.sigmoid(s, y);
      right.sigmoidBackward(dx, dy, s);
    },
  ],
  silu: [
    "divides instead",
    (y, x) => {
      for (let i = 0; i < y.length; i++) y[i] = x[i]! / fround(1 + exp(-x[i]!));
    },
  ],
  siluBackward: [
    "is the logistic function",
    (dx, dy, x) => {
      const s = x.slice();
      right.sigmoid(s, x);
      for (let i = 0; i < dx.length; i++) dx[i] = dy[i]! * s[i]!;
    },
  ],
  scalePlanes: [
    "one plane on",
    (y, x, factors, s) =>
      right.scalePlanes(
        y,
        x,
        factors.map((_, i) => factors[(i + 1) % factors.length]!),
        s,
      ),
  ],
  dotPlanes: [
    "sums in plain order",
    (dots, a, b, { planes, size }) => {
      for (let p = 0; p < planes; p++) {
        let sum = 0;
        for (let i = p * size; i < (p + 1) * size; i++) sum = fround(sum + fround(a[i]! * b[i]!));
        dots[p] = sum;
      }
    },
  ],
  add: [
    "one lane off",
    (y, a, b) => {
      right.add(y, a, b);
      rotate(y);
    },
  ],
  subtract: ["swaps its operands", (y, a, b) => right.subtract(y, b, a)],
  scale: [
    "loses the sign of zero",
    (y, x, factor) => {
      right.scale(y, x, factor);
      for (let i = 0; i < y.length; i++) y[i] = y[i]! + 0;
    },
  ],
  fill: ["misses the last", (y, value) => void y.subarray(0, -1).fill(value)],
  packNonZero: [
    "one bit off",
    (mask, x) => {
      right.packNonZero(mask, x);
      for (let i = 0; i < mask.length; i++) mask[i] = (mask[i]! << 1) | (mask[i]! >> 7);
    },
  ],
  applyMask: [
    "bits from the high end",
    (dx, dy, mask, factor) => {
      const turnedBytes = mask.map((byte) =>
        Number.parseInt(byte.toString(2).padStart(8, "0").split("").reverse().join(""), 2),
      );
      right.applyMask(dx, dy, turnedBytes, factor);
    },
  ],
  dropoutMask: ["one element on", (mask, n, p, s) => right.dropoutMask(mask, n, p, s + 1)],
  packBits: [
    "keeps bits that belong to the neighbour",
    (packed, values, bits) => {
      packed.fill(0);
      for (const [i, value] of values.entries()) {
        const at = i * bits;
        packed[at >> 3]! |= value << (at & 7);
        if ((at >> 3) + 1 < packed.length) packed[(at >> 3) + 1]! |= (value << (at & 7)) >> 8;
      }
    },
  ],
  unpackBits: [
    "forgets the second byte",
    (values, packed, bits) => {
      for (let i = 0; i < values.length; i++) {
        values[i] = (packed[(i * bits) >> 3]! >> ((i * bits) & 7)) & ((1 << bits) - 1);
      }
    },
  ],
  maxPool: [
    "takes the last of equals",
    (y, index, x, s) => {
      right.maxPool(y, index, x, s);
      for (let i = 0; i < y.length; i++) if (y[i] === 0) index[i] = s.R * s.S - 1;
    },
  ],
  maxPoolBackward: [
    "overwrites where windows overlap",
    (dx, dy, index, s) => {
      dx.fill(0);
      for (let i = 0; i < dy.length; i++) {
        const [p, q] = [Math.floor(i / s.Q) % s.P, i % s.Q];
        const h = p * s.stride + Math.floor(index[i]! / s.S) - s.padding;
        const w = q * s.stride + (index[i]! % s.S) - s.padding;
        dx[Math.floor(i / (s.P * s.Q)) * s.H * s.W + h * s.W + w] = dy[i]!;
      }
    },
  ],
  groupSpans: [
    "sums in binary64",
    (energy, x, { rows, size, group }) => {
      for (let row = 0; row < rows; row++) {
        let sum = 0;
        for (let first = 0; first < size; first += group) {
          const values = [...x.subarray(row * size + first, row * size + Math.min(first + group, size))];
          if (values.length < group) values.push(0);
          sum += fround(Math.max(...values) - Math.min(...values)) ** 2;
        }
        energy[row] = sum;
      }
    },
  ],
  quantizeLevels: [
    "always rounds to the nearest",
    (packed, x, levels, bits, s) => right.quantizeLevels(packed, x, levels, bits, s, "nearest"),
  ],
  dequantizeLevels: [
    "ignores the middle",
    (x, packed, levels, bits, s) => right.dequantizeLevels(x, packed, levels, bits, s, 0),
  ],
  quantizeGroups: [
    "leaves the filling out of the range",
    (packed, ranges, x, bits, s, seed) => {
      if (s.size === 0 || s.size % s.group === 0) {
        right.quantizeGroups(packed, ranges, x, bits, s, seed);
        return;
      }
      const perRow = Math.ceil(s.size / s.group);
      const filled = Float32Array.from({ length: s.rows * perRow * s.group }, (_, i) => {
        const [row, column] = [Math.floor(i / (perRow * s.group)), i % (perRow * s.group)];
        return x[row * s.size + Math.min(column, s.size - 1)]!;
      });
      right.quantizeGroups(packed, ranges, filled, bits, { ...s, size: perRow * s.group }, seed);
    },
  ],
  dequantizeGroups: [
    "multiplies by the inverse of the scale",
    (x, packed, ranges, bits, s) => {
      const units = Float32Array.from(x);
      right.dequantizeGroups(units, packed, ranges, bits, s);
      for (let i = 0; i < x.length; i++) x[i] = units[i]! * fround(1 + 2 ** -23);
    },
  ],
  avgPool: [
    "divides by less",
    (y, x, s) => right.avgPool(y, x, { ...s, R: s.R, S: s.S === 1 ? 1 : s.S - 1 }),
  ],
  avgPoolBackward: [
    "adds before it divides",
    (dx, dy, s) => {
      right.avgPoolBackward(
        dx,
        Float32Array.from(dy, (v) => v * s.R * s.S),
        s,
      );
      right.scale(dx, dx, 1 / (s.R * s.S));
    },
  ],
  downsample: [
    "puts the old channels first",
    (y, x, s) => {
      y.fill(0);
      for (let n = 0; n < s.N; n++) {
        const [from, to] = [n * s.C * s.H * s.W, n * s.K * s.P * s.Q];
        const image = { ...s, N: 1, K: s.C };
        const size = s.C * s.P * s.Q;
        right.downsample(y.subarray(to, to + size), x.subarray(from, from + s.C * s.H * s.W), image);
      }
    },
  ],
  downsampleBackward: [
    "forgets what was there",
    (dx, dy, s) => {
      dx.fill(0);
      right.downsampleBackward(dx, dy, s);
    },
  ],
  softmax: [
    "uses the engine's exponential",
    (y, x, rows, classes) => {
      for (let row = 0; row < rows; row++) {
        const z = x.slice(row * classes, (row + 1) * classes);
        const most = z.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
        const e = z.map((v) => Math.exp(v - most));
        y.set(
          e.map((v) => v / right.sum(e)),
          row * classes,
        );
      }
    },
  ],
  crossEntropy: [
    "smooths towards nothing",
    (loss, probabilities, x, labels, rows, classes, smoothing) => {
      right.crossEntropy(loss, probabilities, x, labels, rows, classes, 0);
      right.scale(loss, loss, 1 - smoothing);
    },
  ],
  crossEntropyBackward: [
    "forgets the smoothing",
    (dx, probabilities, labels, rows, classes, _, factor) =>
      right.crossEntropyBackward(dx, probabilities, labels, rows, classes, 0, factor),
  ],
  sgd: [
    "decays after the momentum",
    (w, g, m, step) => {
      const decay = Float32Array.from(w, (v) => v * step.weightDecay * step.lr);
      right.sgd(w, g, m, { ...step, weightDecay: 0 });
      for (let i = 0; i < w.length; i++) w[i] = w[i]! - decay[i]!;
    },
  ],
  sum: ["sums in plain order", (x) => plainSum(x, (v) => v)],
  sumAbs: ["keeps the sign", (x) => right.sum(x)],
  sumSquares: ["squares in binary64", (x) => plainSum(x, (v) => v * v)],
  maxAbs: ["ignores NaN", (x) => right.maxAbs(x.filter((v) => !Number.isNaN(v)))],
  countNonZero: ["counts −0", (x) => x.reduce((count, v) => (Object.is(v, 0) ? count : count + 1), 0)],
  nonFinite: ["sees NaN only", (x) => x.findIndex((v) => Number.isNaN(v))],
  ...jpegMutants,
  ...fewerBitsMutants,
};

for (const [name, [fault, kernel]] of Object.entries(mutants)) {
  test(`a ${name} that ${fault} is caught`, () => {
    const broken = onHeap({ ...right, [name]: kernel });
    const calls = laws[name as keyof Kernels]!;
    assert.throws(
      () => agrees(broken, calls, { seed, numRuns: 150 }),
      (failure: Error) => /^element|strictly deep-equal/.test((failure.cause as Error).message),
    );
  });
}

test("every kernel has its mutant", () => {
  assert.deepEqual(Object.keys(mutants).sort(), Object.keys(laws).sort());
});
