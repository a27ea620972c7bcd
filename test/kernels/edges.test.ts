/**
 * What kernels do at the edges of what they take: sizes of 0 give the right empty result or an error with the shape, and
 * memory that overlaps an output is refused. (That every kernel takes floats at any multiple of 4 bytes, bytes at any
 * address and sizes down to 0, with the reference's bits, is part of its law.)
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Device } from "../../src/device/device.js";
import { type CometError, ShapeError, UsageError } from "../../src/error.js";
import type { Conv2dShape, Kernels } from "../../src/kernels/kernels.js";
import { referenceKernels } from "../../src/kernels/reference.js";
import { simdKernels } from "../../src/kernels/simd.js";

const device = new Device({ memory: 16 << 20 });
const simd = simdKernels(device, { threads: 1 });
const allocate = (bytes: number) => device.allocate(bytes, "activations", "test");
const floats = (n: number) => device.f32(allocate(4 * n)).fill(7);
const bytes = (n: number) => device.u8(allocate(n)).fill(7);

const none: Conv2dShape = {
  ...{ N: 0, C: 1, H: 4, W: 4, K: 1, R: 3, S: 3, P: 2, Q: 2 },
  ...{ stride: 1, padding: 0, groups: 1 },
};
const pool = { planes: 0, H: 4, W: 4, R: 2, S: 2, P: 2, Q: 2, stride: 2, padding: 0 };
const nothing = { N: 0, C: 2, size: 3 };
const plain = { transposeA: false, transposeB: false };
const step = { lr: 1, momentum: 0.5, weightDecay: 0, nesterov: false };

/** Each fills two floats, or returns a number, from nothing. */
const empty: [what: string, run: (k: Kernels, out: Float32Array) => unknown, expected: number[]][] = [
  [
    "weight gradient of no images",
    (k, dw) => k.conv2dWeightGradient(dw, floats(0), floats(0), oneByTwo),
    [0, 0],
  ],
  ["the same, added", (k, dw) => k.conv2dWeightGradient(dw, floats(0), floats(0), oneByTwo, true), [7, 7]],
  [
    "noise energy of no images",
    (k, e) => k.conv2dNoiseEnergy(e, floats(0), floats(0), { ...none, K: 2 }),
    [0, 0],
  ],
  [
    "product of empty chains",
    (k, c) => k.gemm(c, floats(0), floats(0), { m: 1, n: 2, k: 0, ...plain }),
    [0, 0],
  ],
  ["bias gradient of no images", (k, db) => k.biasGradient(db, floats(0), nothing), [0, 0]],
  [
    "dots of empty planes",
    (k, dots) => k.dotPlanes(dots, floats(0), floats(0), { planes: 2, size: 0 }),
    [0, 0],
  ],
  ["mean of no images", (k, mean) => k.channelMoments(mean, floats(2), floats(0), nothing), [NaN, NaN]],
  [
    "gradients of batch normalisation of no images",
    (k, dgamma) =>
      k.batchNormBackward(
        floats(0),
        dgamma,
        floats(2),
        floats(0),
        floats(0),
        floats(2),
        floats(2),
        floats(2),
        nothing,
      ),
    [0, 0],
  ],
];
const oneByTwo: Conv2dShape = { ...none, R: 1, S: 2, P: 4, Q: 3 };

for (const kernels of [referenceKernels, simd]) {
  test(`${kernels.name}: sums over nothing are 0, means of nothing are no number`, () => {
    for (const [what, run, expected] of empty) {
      const out = floats(2);
      run(kernels, out);
      assert.deepEqual([...out], expected, what);
    }
    const x = floats(0);
    for (const name of ["sum", "sumAbs", "sumSquares", "maxAbs", "countNonZero"] as const) {
      assert.equal(kernels[name](x), 0, name);
    }
    assert.equal(kernels.nonFinite(x), -1);
  });

  test(`${kernels.name}: nothing in, nothing out`, () => {
    const [x, y, z] = [floats(0), floats(0), floats(0)];
    const b = bytes(0);
    kernels.conv2dForward(y, x, floats(9), floats(1), none);
    kernels.conv2dInputGradient(x, y, floats(9), none);
    for (const [m, n] of [
      [0, 3],
      [3, 0],
      [0, 0],
    ] as const) {
      kernels.gemm(y, floats(2 * m), floats(2 * n), { m, n, k: 2, ...plain });
    }
    for (const s of [nothing, { N: 2, C: 0, size: 3 }, { N: 2, C: 2, size: 0 }]) {
      const [mean, invStd, gamma, beta] = [0, 1, 2, 3].map(() => floats(s.C));
      kernels.batchNormForward(y, x, mean!, invStd!, gamma!, beta!, s);
      kernels.addBias(y, beta!, s);
    }
    kernels.maxPool(y, b, x, pool);
    kernels.maxPoolBackward(x, y, b, pool);
    kernels.avgPool(y, x, pool);
    kernels.avgPoolBackward(x, y, pool);
    kernels.scalePlanes(y, x, floats(0), { planes: 0, size: 5 });
    kernels.softmax(y, x, 0, 10);
    kernels.softmax(y, x, 3, 0);
    kernels.crossEntropy(z, y, x, floats(0), 0, 10, 0.1);
    kernels.downsample(y, x, { N: 0, C: 1, H: 3, W: 3, K: 2, P: 2, Q: 2, stride: 2 });
    kernels.packNonZero(b, x);
    kernels.packBits(b, bytes(0), 3);
    kernels.sgd(x, y, z, step);
    kernels.relu(y, x);
  });
}

const refused = (run: () => void, type: typeof CometError, message: RegExp) =>
  assert.throws(run, (error: unknown) => error instanceof type && message.test(error.message));

test("sizes of which there can be no result are errors with the shape", () => {
  const [x, y, w] = [floats(16), floats(4), floats(9)];
  const one = { ...none, N: 1 };
  for (const name of ["C", "H", "W", "K", "R", "S", "P", "Q", "stride", "groups"] as const) {
    refused(
      () => simd.conv2dForward(y, x, w, null, { ...one, [name]: 0 }),
      ShapeError,
      new RegExp(`${name}: .*got 0`),
    );
  }
  for (const name of ["H", "W", "R", "S", "P", "Q", "stride"] as const) {
    refused(
      () => simd.avgPool(y, x, { ...pool, planes: 1, [name]: 0 }),
      ShapeError,
      new RegExp(`${name}: .*got 0`),
    );
  }
  refused(
    () => simd.gemm(y, x, w, { m: -1, n: 2, k: 2, ...plain }),
    ShapeError,
    /m: expected .* from 0, got -1/,
  );
  refused(() => simd.relu(floats(0), x), ShapeError, /input 1: expected 0 elements, got 16/);
  const s = { N: 1, C: 2, H: 3, W: 3, K: 1, P: 2, Q: 2, stride: 2 };
  refused(
    () => simd.downsample(y, floats(18), s),
    ShapeError,
    /at least 2 channels of 2 × 2, got 1 channels/,
  );
  refused(
    () => simd.crossEntropy(floats(1), floats(0), floats(0), floats(1), 1, 0, 0),
    UsageError,
    /a class/,
  );
});

test("an output that overlaps an input or another output is refused, with both ranges", () => {
  /** `n` floats that begin `ahead` floats behind those of `view`. */
  const within = (view: Float32Array, n: number, ahead = 1) =>
    new Float32Array(view.buffer, view.byteOffset + 4 * ahead, n);
  const x = floats(64);
  const [s, small] = [
    { N: 1, C: 2, size: 4 },
    { ...none, N: 1 },
  ];
  const overlapping: (() => void)[] = [
    () => simd.gemm(within(x, 4), x.subarray(0, 4), floats(4), { m: 2, n: 2, k: 2, ...plain }),
    () => simd.gemm(x, x, floats(1), { m: 64, n: 1, k: 1, ...plain }),
    () => simd.conv2dInputGradient(x.subarray(0, 16), within(x, 4, 15), floats(9), small),
    () => simd.conv2dWeightGradient(within(x, 9), floats(4), x.subarray(0, 16), small),
    () => simd.channelMoments(x.subarray(0, 2), within(x, 2), floats(8), s),
    () => simd.channelMoments(x.subarray(0, 2), x.subarray(0, 2), floats(8), s),
    () =>
      simd.batchNormForward(within(x, 8), x.subarray(0, 8), floats(2), floats(2), floats(2), floats(2), s),
    () =>
      simd.maxPool(x.subarray(0, 4), new Uint8Array(x.buffer, x.byteOffset + 15, 4), floats(16), {
        ...pool,
        planes: 1,
      }),
    () => simd.sgd(x, floats(64), x, step),
    () => simd.add(within(x, 8), x.subarray(0, 8), floats(8)),
    () =>
      simd.downsampleBackward(x.subarray(0, 4), within(x, 1, 3), {
        N: 1,
        C: 1,
        H: 2,
        W: 2,
        K: 1,
        P: 1,
        Q: 1,
        stride: 2,
      }),
    () => simd.softmax(within(x, 8), x.subarray(0, 8), 2, 4),
    () => simd.packNonZero(new Uint8Array(x.buffer, x.byteOffset + 255, 8), x),
  ];
  for (const run of overlapping) refused(run, UsageError, /apart from.*got bytes \d+–\d+ over \d+–\d+/);
  // Neighbours do not overlap.
  simd.add(within(x, 8, 8), x.subarray(0, 8), x.subarray(16, 24));
});
