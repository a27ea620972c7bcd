/**
 * The law of kernels: an implementation leaves the same bits in every buffer as the reference, and returns
 * the same number. Any NaN equals any other, because the processor decides which payload an operation
 * returns.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type ChannelShape,
  type Conv2dShape,
  type GroupShape,
  groupBytes,
  type Kernels,
  type PoolShape,
} from "../../src/kernels/kernels.js";
import { rangeBytes, rangeForms } from "../../src/kernels/reference/group-range.js";
import { referenceKernels } from "../../src/kernels/reference.js";
import type { Data } from "../arbitrary/data.js";
import type { Cases } from "../arbitrary/seed.js";
import {
  conv2dShape,
  depthwiseShape,
  downsampleShape,
  gemmShape,
  largeConv2dShapes,
  maxPoolShape,
  poolShape,
  wideConv2dShape,
  winogradShape,
} from "../arbitrary/shape.js";
import { type Call, cases, f32, u8 } from "./call.js";
import { fewerBitsLaws } from "./fewer-bits.js";
import { jpegLaws } from "./jpeg.js";
import type { Subject, View } from "./subject.js";

function sameBits(actual: View, expected: View): void {
  assert.equal(actual.length, expected.length);
  const words = (view: View) =>
    view instanceof Float32Array ? new Uint32Array(view.buffer, view.byteOffset, view.length) : view;
  const [a, e] = [words(actual), words(expected)];
  for (let i = 0; i < a.length; i++) {
    const bothNaN = Number.isNaN(actual[i]) && Number.isNaN(expected[i]);
    if (a[i] !== e[i] && !bothNaN) assert.fail(`element ${i}: ${actual[i]}, reference ${expected[i]}`);
  }
}

export function agrees(subject: Subject, calls: fc.Arbitrary<Call>, options: Cases) {
  fc.assert(
    fc.property(calls, ({ buffers, run }) => {
      const expected = buffers.map((buffer) => buffer.slice());
      const result = run(referenceKernels, expected);
      subject.withBuffers(buffers, (actual) => {
        assert.deepEqual(run(subject.kernels, actual), result);
        for (const [i, view] of actual.entries()) sameBits(view, expected[i]!);
      });
    }),
    options,
  );
}

const length = fc.oneof(
  { weight: 9, arbitrary: fc.integer({ min: 0, max: 40 }) },
  { weight: 1, arbitrary: fc.constantFrom(1023, 1024, 1025, 2100) },
);
const scalar = fc.float({ noNaN: true, noDefaultInfinity: true, min: -4, max: 4 });
const conv = fc.oneof(
  { weight: 50, arbitrary: conv2dShape },
  { weight: 20, arbitrary: depthwiseShape },
  { weight: 10, arbitrary: wideConv2dShape },
  { weight: 1, arbitrary: fc.constantFrom(...largeConv2dShapes) },
  { weight: 1, arbitrary: winogradShape },
);
const channels = fc.record({
  N: fc.integer({ min: 0, max: 3 }),
  C: fc.integer({ min: 0, max: 5 }),
  size: fc.oneof(
    { weight: 9, arbitrary: fc.integer({ min: 0, max: 40 }) },
    { weight: 1, arbitrary: fc.constantFrom(1024, 1030) },
  ),
});
/** Levels with steps above 0, and as many bits for each channel as the data say. */
function levelBuffers(
  s: ChannelShape,
  d: Data,
): [packed: Uint8Array, levels: Float32Array, bits: Uint8Array] {
  const bits = Uint8Array.from({ length: s.C }, () => 1 + d.below(8));
  const bytes = bits.reduce((sum, each) => sum + groupBytes(s.size, each), 0);
  const levels = d.floats(2 * s.C).map((v, i) => (i % 2 === 1 ? (d.below(1000) + 1) / 2048 : v));
  return [d.bytes(s.N * bytes), levels, bits];
}
const planes = channels.map(({ N, C, size }) => ({ planes: N * C, size }));
const rows = fc.record({
  rows: fc.integer({ min: 0, max: 5 }),
  classes: fc.oneof(
    { weight: 9, arbitrary: fc.integer({ min: 0, max: 20 }) },
    { weight: 1, arbitrary: fc.constant(1001) },
  ),
  smoothing: fc.constantFrom(0, 0.1),
  inPlace: fc.boolean(),
});
/** Without classes there are no labels, so there are no rows either. */
const labelled = rows.map((s) => (s.classes === 0 ? { ...s, rows: 0 } : s));
const maybe = fc.boolean();
const place = fc.constantFrom("apart", "over dy", "over x");
type Five = [Float32Array, Float32Array, Float32Array, Float32Array, Float32Array];
const groups = fc.record({
  rows: fc.integer({ min: 0, max: 4 }),
  size: fc.integer({ min: 0, max: 80 }),
  group: fc.constantFrom(1, 7, 8, 16, 21, 64),
  range: fc.constantFrom(...rangeForms),
});
/** As many bits for each row as the data say. */
function groupBuffers(s: GroupShape, d: Data): [packed: Uint8Array, ranges: Uint8Array, bits: Uint8Array] {
  const bits = Uint8Array.from({ length: s.rows }, () => 1 + d.below(8));
  const perRow = Math.ceil(s.size / s.group);
  const bytes = bits.reduce((sum, each) => sum + perRow * groupBytes(s.group, each), 0);
  return [d.bytes(bytes), d.bytes(rangeBytes(s.range) * perRow * s.rows), bits];
}

/** kernel(y, …inputs) on n elements; in place the output is the first input. */
function pointwise(inputs: number, run: (k: Kernels, y: Float32Array, x: Float32Array[], a: number) => void) {
  return cases(fc.tuple(length, maybe, scalar), ([n, inPlace, a], d) => ({
    buffers: Array.from({ length: inputs + 1 }, () => d.floats(n)),
    run: (k, [y, ...x]) => run(k, f32(inPlace && x.length > 0 ? x[0] : y), x.map(f32), a),
  }));
}

/** number = kernel(x). */
const observed = (run: (k: Kernels, x: Float32Array) => number) =>
  cases(length, (n, d) => ({ buffers: [d.floats(n)], run: (k, [x]) => run(k, f32(x)) }));

const convolutions = (shapes: fc.Arbitrary<Conv2dShape>) => ({
  conv2dForward: cases(fc.tuple(shapes, maybe), ([s, biased], d) => ({
    buffers: [
      d.floats(s.N * s.K * s.P * s.Q),
      d.floats(s.N * s.C * s.H * s.W),
      d.floats((s.K * s.C * s.R * s.S) / s.groups),
      d.floats(s.K),
    ],
    run: (k, [y, x, w, bias]) => k.conv2dForward(f32(y), f32(x), f32(w), biased ? f32(bias) : null, s),
  })),
  conv2dInputGradient: cases(shapes, (s, d) => ({
    buffers: [
      d.floats(s.N * s.C * s.H * s.W),
      d.floats(s.N * s.K * s.P * s.Q),
      d.floats((s.K * s.C * s.R * s.S) / s.groups),
    ],
    run: (k, [dx, dy, w]) => k.conv2dInputGradient(f32(dx), f32(dy), f32(w), s),
  })),
  conv2dWeightGradient: cases(fc.tuple(shapes, maybe), ([s, accumulate], d) => ({
    buffers: [
      d.floats((s.K * s.C * s.R * s.S) / s.groups),
      d.floats(s.N * s.K * s.P * s.Q),
      d.floats(s.N * s.C * s.H * s.W),
    ],
    run: (k, [dw, dy, x]) => k.conv2dWeightGradient(f32(dw), f32(dy), f32(x), s, accumulate),
  })),
  conv2dNoiseEnergy: cases(shapes, (s, d) => ({
    buffers: [d.floats(s.K), d.floats(s.N * s.K * s.P * s.Q), d.floats(s.N * s.C * s.H * s.W)],
    run: (k, [energy, dy, x]) => k.conv2dNoiseEnergy(f32(energy), f32(dy), f32(x), s),
  })),
});

const maxPools = (shapes: fc.Arbitrary<PoolShape>) => ({
  maxPool: cases(shapes, (s, d) => ({
    buffers: [d.floats(s.planes * s.P * s.Q), d.bytes(s.planes * s.P * s.Q), d.floats(s.planes * s.H * s.W)],
    run: (k, [y, index, x]) => k.maxPool(f32(y), u8(index), f32(x), s),
  })),
  maxPoolBackward: cases(shapes, (s, d) => {
    const index = d.bytes(s.planes * s.P * s.Q);
    referenceKernels.maxPool(d.floats(index.length), index, d.floats(s.planes * s.H * s.W), s);
    return {
      buffers: [d.floats(s.planes * s.H * s.W), d.floats(index.length), index],
      run: (k, [dx, dy, found]) => k.maxPoolBackward(f32(dx), f32(dy), u8(found), s),
    };
  }),
});

export const poolsOf = (shapes: fc.Arbitrary<PoolShape>) => Object.values(maxPools(shapes));

/**
 * The shapes that cross every block border, each as a law of its own; they are too slow to be drawn often.
 */
export const largeConvolutions = largeConv2dShapes.flatMap((shape) =>
  Object.entries(convolutions(fc.constant(shape))),
);

/** Convolutions that use Winograd's transforms, of which the laws draw few. */
export const winogradConvolutions = convolutions(winogradShape);

export const laws: Partial<Record<keyof Kernels, fc.Arbitrary<Call>>> = {
  gemm: cases(gemmShape, (s, d) => ({
    buffers: [d.floats(s.m * s.n), d.floats(s.m * s.k), d.floats(s.k * s.n)],
    run: (k, [c, a, b]) => k.gemm(f32(c), f32(a), f32(b), s),
  })),
  ...convolutions(conv),

  addBias: cases(channels, (s, d) => ({
    buffers: [d.floats(s.N * s.C * s.size), d.floats(s.C)],
    run: (k, [y, bias]) => k.addBias(f32(y), f32(bias), s),
  })),
  biasGradient: cases(channels, (s, d) => ({
    buffers: [d.floats(s.C), d.floats(s.N * s.C * s.size)],
    run: (k, [db, dy]) => k.biasGradient(f32(db), f32(dy), s),
  })),
  channelMoments: cases(channels, (s, d) => ({
    buffers: [d.floats(s.C), d.floats(s.C), d.floats(s.N * s.C * s.size)],
    run: (k, [mean, variance, x]) => k.channelMoments(f32(mean), f32(variance), f32(x), s),
  })),
  batchNormForward: cases(fc.tuple(channels, maybe), ([s, inPlace], d) => ({
    buffers: [...[0, 1].map(() => d.floats(s.N * s.C * s.size)), ...[0, 1, 2, 3].map(() => d.floats(s.C))],
    run: (k, [y, x, mean, invStd, gamma, beta]) =>
      k.batchNormForward(f32(inPlace ? x : y), f32(x), f32(mean), f32(invStd), f32(gamma), f32(beta), s),
  })),
  batchNormBackward: cases(fc.tuple(channels, place), ([s, place], d) => ({
    buffers: [
      ...[0, 1, 2].map(() => d.floats(s.N * s.C * s.size)),
      ...[0, 1, 2, 3, 4].map(() => d.floats(s.C)),
    ],
    run: (k, [dx, dy, x, ...perChannel]) => {
      const [dgamma, dbeta, mean, invStd, gamma] = perChannel.map(f32) as Five;
      const out = f32(place === "apart" ? dx : place === "over x" ? x : dy);
      k.batchNormBackward(out, dgamma, dbeta, f32(dy), f32(x), mean, invStd, gamma, s);
    },
  })),
  batchNormSums: cases(channels, (s, d) => ({
    buffers: [...[0, 1].map(() => d.floats(s.N * s.C * s.size)), ...[0, 1].map(() => d.floats(s.C))],
    run: (k, [dy, x, mean, invStd]) => [...k.batchNormSums(f32(dy), f32(x), f32(mean), f32(invStd), s)],
  })),
  batchNormGradient: cases(
    fc.tuple(channels, place, fc.integer({ min: 0, max: 3 })),
    ([s, place, more], d) => ({
      buffers: [
        ...[0, 1, 2].map(() => d.floats(s.N * s.C * s.size)),
        ...[0, 1, 2, 3, 4].map(() => d.floats(s.C)),
      ],
      run: (k, [dx, dy, x, ...perChannel]) => {
        const [dgamma, dbeta, mean, invStd, gamma] = perChannel.map(f32) as Five;
        const out = f32(place === "apart" ? dx : place === "over x" ? x : dy);
        const images = s.N + more;
        k.batchNormGradient(out, dgamma, dbeta, f32(dy), f32(x), mean, invStd, gamma, s, images);
      },
    }),
  ),
  inverseStd: pointwise(1, (k, y, [x], a) => k.inverseStd(y, x!, a)),
  blend: pointwise(1, (k, y, [x], a) => k.blend(y, x!, a)),

  relu: pointwise(1, (k, y, [x]) => k.relu(y, x!)),
  reluBackward: pointwise(2, (k, dx, [dy, y]) => k.reluBackward(dx, dy!, y!)),
  sigmoid: pointwise(1, (k, y, [x]) => k.sigmoid(y, x!)),
  sigmoidBackward: pointwise(2, (k, dx, [dy, y]) => k.sigmoidBackward(dx, dy!, y!)),
  silu: pointwise(1, (k, y, [x]) => k.silu(y, x!)),
  siluBackward: pointwise(2, (k, dx, [dy, x]) => k.siluBackward(dx, dy!, x!)),
  add: pointwise(2, (k, y, [a, b]) => k.add(y, a!, b!)),
  subtract: pointwise(2, (k, y, [a, b]) => k.subtract(y, a!, b!)),
  scale: pointwise(1, (k, y, [x], a) => k.scale(y, x!, a)),
  fill: pointwise(0, (k, y, _, a) => k.fill(y, a)),

  scalePlanes: cases(fc.tuple(planes, maybe), ([s, inPlace], d) => ({
    buffers: [d.floats(s.planes * s.size), d.floats(s.planes * s.size), d.floats(s.planes)],
    run: (k, [y, x, factors]) => k.scalePlanes(f32(inPlace ? x : y), f32(x), f32(factors), s),
  })),
  dotPlanes: cases(planes, (s, d) => ({
    buffers: [d.floats(s.planes), d.floats(s.planes * s.size), d.floats(s.planes * s.size)],
    run: (k, [dots, a, b]) => k.dotPlanes(f32(dots), f32(a), f32(b), s),
  })),

  packNonZero: cases(length, (n, d) => ({
    buffers: [d.bytes(Math.ceil(n / 8)), d.floats(n)],
    run: (k, [mask, x]) => k.packNonZero(u8(mask), f32(x)),
  })),
  applyMask: cases(fc.tuple(length, scalar, maybe), ([n, factor, inPlace], d) => ({
    buffers: [d.floats(n), d.floats(n), d.bytes(Math.ceil(n / 8))],
    run: (k, [dx, dy, mask]) => k.applyMask(f32(inPlace ? dy : dx), f32(dy), u8(mask), factor),
  })),
  dropoutMask: cases(
    fc.tuple(length, fc.double({ min: 0, max: 0.99, noNaN: true }), fc.integer()),
    ([n, p, seed], d) => ({
      buffers: [d.bytes(Math.ceil(n / 8))],
      run: (k, [mask]) => k.dropoutMask(u8(mask), n, p, seed),
    }),
  ),
  packBits: cases(fc.tuple(length, fc.integer({ min: 1, max: 8 })), ([n, bits], d) => ({
    buffers: [d.bytes(Math.ceil((n * bits) / 8)), d.bytes(n)],
    run: (k, [packed, values]) => k.packBits(u8(packed), u8(values), bits),
  })),
  unpackBits: cases(fc.tuple(length, fc.integer({ min: 1, max: 8 })), ([n, bits], d) => ({
    buffers: [d.bytes(n), d.bytes(Math.ceil((n * bits) / 8))],
    run: (k, [values, packed]) => k.unpackBits(u8(values), u8(packed), bits),
  })),

  groupSpans: cases(groups, (s, d) => ({
    buffers: [d.floats(s.rows), d.floats(s.rows * s.size)],
    run: (k, [energy, x]) => k.groupSpans(f32(energy), f32(x), s),
  })),
  quantizeLevels: cases(fc.tuple(channels, fc.constantFrom("floor", "nearest")), ([s, rounding], d) => {
    const [packed, levels, bits] = levelBuffers(s, d);
    return {
      buffers: [packed, d.floats(s.N * s.C * s.size), levels, bits],
      run: (k, [to, x, l, b]) => k.quantizeLevels(u8(to), f32(x), f32(l), u8(b), s, rounding),
    };
  }),
  dequantizeLevels: cases(fc.tuple(channels, fc.constantFrom(0, 0.5)), ([s, middle], d) => {
    const [packed, levels, bits] = levelBuffers(s, d);
    return {
      buffers: [d.floats(s.N * s.C * s.size), packed, levels, bits],
      run: (k, [x, from, l, b]) => k.dequantizeLevels(f32(x), u8(from), f32(l), u8(b), s, middle),
    };
  }),
  quantizeGroups: cases(fc.tuple(groups, fc.option(fc.integer())), ([s, random], d) => {
    const [packed, ranges, bits] = groupBuffers(s, d);
    return {
      buffers: [packed, ranges, d.floats(s.rows * s.size), bits],
      run: (k, [to, range, x, b]) => k.quantizeGroups(u8(to), u8(range), f32(x), u8(b), s, random),
    };
  }),
  dequantizeGroups: cases(groups, (s, d) => {
    const [packed, ranges, bits] = groupBuffers(s, d);
    referenceKernels.quantizeGroups(packed, ranges, d.floats(s.rows * s.size), bits, s, 1);
    return {
      buffers: [d.floats(s.rows * s.size), packed, ranges, bits],
      run: (k, [x, from, range, b]) => k.dequantizeGroups(f32(x), u8(from), u8(range), u8(b), s),
    };
  }),

  ...maxPools(maxPoolShape),
  avgPool: cases(poolShape, (s, d) => ({
    buffers: [d.floats(s.planes * s.P * s.Q), d.floats(s.planes * s.H * s.W)],
    run: (k, [y, x]) => k.avgPool(f32(y), f32(x), s),
  })),
  avgPoolBackward: cases(poolShape, (s, d) => ({
    buffers: [d.floats(s.planes * s.H * s.W), d.floats(s.planes * s.P * s.Q)],
    run: (k, [dx, dy]) => k.avgPoolBackward(f32(dx), f32(dy), s),
  })),

  downsample: cases(downsampleShape, (s, d) => ({
    buffers: [d.floats(s.N * s.K * s.P * s.Q), d.floats(s.N * s.C * s.H * s.W)],
    run: (k, [y, x]) => k.downsample(f32(y), f32(x), s),
  })),
  downsampleBackward: cases(downsampleShape, (s, d) => ({
    buffers: [d.floats(s.N * s.C * s.H * s.W), d.floats(s.N * s.K * s.P * s.Q)],
    run: (k, [dx, dy]) => k.downsampleBackward(f32(dx), f32(dy), s),
  })),

  softmax: cases(rows, (s, d) => ({
    buffers: [d.floats(s.rows * s.classes), d.floats(s.rows * s.classes)],
    run: (k, [y, x]) => k.softmax(f32(s.inPlace ? x : y), f32(x), s.rows, s.classes),
  })),
  crossEntropy: cases(labelled, (s, d) => ({
    buffers: [
      d.floats(s.rows),
      d.floats(s.rows * s.classes),
      d.floats(s.rows * s.classes),
      Float32Array.from({ length: s.rows }, () => d.below(s.classes)),
    ],
    run: (k, [loss, probabilities, x, labels]) =>
      k.crossEntropy(f32(loss), f32(probabilities), f32(x), f32(labels), s.rows, s.classes, s.smoothing),
  })),
  crossEntropyBackward: cases(fc.tuple(labelled, scalar), ([s, factor], d) => ({
    buffers: [
      d.floats(s.rows * s.classes),
      d.floats(s.rows * s.classes),
      Float32Array.from({ length: s.rows }, () => d.below(s.classes)),
    ],
    run: (k, [dx, probabilities, labels]) => {
      const out = f32(s.inPlace ? probabilities : dx);
      k.crossEntropyBackward(out, f32(probabilities), f32(labels), s.rows, s.classes, s.smoothing, factor);
    },
  })),

  sgd: cases(
    fc.record({
      n: length,
      lr: scalar,
      momentum: scalar,
      weightDecay: scalar,
      nesterov: maybe,
      plain: maybe,
    }),
    (s, d) => ({
      buffers: [d.floats(s.n), d.floats(s.n), d.floats(s.n)],
      run: (k, [w, g, m]) => k.sgd(f32(w), f32(g), s.plain ? null : f32(m), s),
    }),
  ),

  sum: observed((k, x) => k.sum(x)),
  sumAbs: observed((k, x) => k.sumAbs(x)),
  sumSquares: observed((k, x) => k.sumSquares(x)),
  maxAbs: observed((k, x) => k.maxAbs(x)),
  countNonZero: observed((k, x) => k.countNonZero(x)),
  nonFinite: observed((k, x) => k.nonFinite(x)),

  ...jpegLaws,
  ...fewerBitsLaws,
};
