/** Every kernel of every wasm build returns the reference's bits, and writes nowhere else. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Device } from "../../src/device/device.js";
import { ShapeError, UsageError } from "../../src/error.js";
import type { Conv2dShape } from "../../src/kernels/kernels.js";
import { exp, log } from "../../src/kernels/reference/exponential.js";
import { referenceKernels } from "../../src/kernels/reference.js";
import { simdKernels } from "../../src/kernels/simd.js";
import { createRng } from "../../src/rng.js";
import { seed } from "../arbitrary/seed.js";
import { convolvesExactly } from "../laws/convolution.js";
import { agrees, largeConvolutions, laws, poolsOf } from "../laws/kernels.js";
import { onDevice, onHeap } from "../laws/subject.js";

for (const build of ["release", "debug"] as const) {
  const device = new Device({ memory: 64 << 20, build });
  const subject = onDevice(device, simdKernels(device, { threads: 1 }));
  const before = device.ledger.total;
  for (const [name, calls] of Object.entries(laws)) {
    test(`${name} of the ${build} build returns the reference's bits`, () => {
      agrees(subject, calls, { seed, numRuns: build === "release" ? 200 : 60 });
      assert.equal(device.ledger.total, before, "workspace was left allocated");
    });
  }
  test(`large convolutions of the ${build} build return the reference's bits`, () => {
    for (const [, calls] of largeConvolutions) agrees(subject, calls, { seed, numRuns: 2 });
  });
  test(`convolution of the ${build} build is the binary64 definition within the rounding of its chains`, () => {
    convolvesExactly(subject, { seed, numRuns: 40 });
  });
  test(`Winograd's convolution of the ${build} build is the binary64 definition within the rounding of its mixed sums`, () => {
    convolvesExactly(subject, { seed, numRuns: 6, mixed: true });
  });
}

test("convolution of the reference is the binary64 definition within the rounding of its chains", () => {
  convolvesExactly(onHeap(referenceKernels), { seed, numRuns: 40 });
});

test("Winograd's convolution of the reference is the binary64 definition within the rounding of its mixed sums", () => {
  convolvesExactly(onHeap(referenceKernels), { seed, numRuns: 3, mixed: true });
});

for (const mixed of [false, true]) {
  test(`a convolution that is one column off is not the binary64 definition${mixed ? ", within mixed sums either" : ""}`, () => {
    const shifted = onHeap({
      ...referenceKernels,
      conv2dForward: (y, x, w, bias, s) =>
        referenceKernels.conv2dForward(
          y,
          Float32Array.from(x, (_, i) => x[i + 1] ?? 0),
          w,
          bias,
          s,
        ),
    });
    assert.throws(
      () => convolvesExactly(shifted, { seed, numRuns: 40, mixed }),
      (failure: Error) => /allowed/.test((failure.cause as Error).message),
    );
  });
}

test("pools of 2 x 2, inside the plane and over its edge, return the reference's bits", () => {
  const device = new Device({ memory: 16 << 20 });
  const subject = onDevice(device, simdKernels(device, { threads: 1 }));
  for (const round of [Math.floor, Math.ceil]) {
    for (const [H, W] of [
      [15, 8],
      [8, 15],
      [2, 7],
      [7, 17],
      [6, 34],
    ] as const) {
      const [P, Q] = [round(H / 2), round(W / 2)];
      const shape = { planes: 2, H, W, R: 2, S: 2, P, Q, stride: 2, padding: 0 };
      for (const calls of poolsOf(fc.constant(shape))) agrees(subject, calls, { seed, numRuns: 20 });
    }
  }
});

test("every kernel has its law", () => {
  const kernels = Object.keys(referenceKernels).filter((name) => name !== "name" && name !== "threads");
  assert.deepEqual(Object.keys(laws).sort(), kernels.sort());
});

test("exp and log are within 2 ulp of the exact functions", () => {
  const rng = createRng(seed);
  const ulp = (x: number): number => {
    const word = new Int32Array(Float32Array.of(x).buffer);
    word[0]!++;
    return new Float32Array(word.buffer)[0]! - Math.fround(x);
  };
  for (let i = 0; i < 100_000; i++) {
    const x = Math.fround(-87 + 175 * rng.uniform());
    assert.ok(Math.abs(exp(x) - Math.exp(x)) <= 2 * ulp(Math.exp(x)), `exp(${x})`);
    const y = Math.fround(2 ** (200 * rng.uniform() - 100));
    assert.ok(Math.abs(log(y) - Math.log(y)) <= 2 * ulp(Math.abs(Math.log(y))), `log(${y})`);
  }
});

test("wrong shapes, lengths, places and overlaps are errors that name the kernel", () => {
  const device = new Device({ memory: 16 << 20 });
  const kernels = simdKernels(device, { threads: 1 });
  const floats = (n: number) => device.f32(device.allocate(4 * n, "activations", "test"));
  const shape: Conv2dShape = {
    N: 1,
    C: 2,
    H: 4,
    W: 4,
    K: 2,
    R: 3,
    S: 3,
    P: 4,
    Q: 4,
    stride: 1,
    padding: 1,
    groups: 1,
  };
  const [x, w, y] = [floats(32), floats(36), floats(32)];
  kernels.conv2dForward(y, x, w, null, shape);

  const refused = (run: () => void, type: typeof ShapeError, message: RegExp) =>
    assert.throws(run, (error: unknown) => error instanceof type && message.test(error.message));
  refused(
    () => kernels.conv2dForward(y, x, w, null, { ...shape, P: 3 }),
    ShapeError,
    /4 × 4 outputs.*got 3 × 4/,
  );
  refused(
    () => kernels.conv2dForward(y, x, w, null, { ...shape, groups: 3 }),
    ShapeError,
    /groups that divide/,
  );
  refused(() => kernels.conv2dForward(y, x, w, null, { ...shape, stride: 0 }), ShapeError, /stride/);
  refused(
    () => kernels.conv2dForward(y, x, w.subarray(1), null, shape),
    ShapeError,
    /w: expected 36 .*got 35/,
  );
  refused(() => kernels.conv2dForward(x, x, w, null, shape), UsageError, /apart from the inputs/);
  refused(() => kernels.relu(x.subarray(1), x.subarray(0, 31)), UsageError, /an input or apart from it/);
  refused(() => kernels.relu(new Float32Array(8), x.subarray(0, 8)), UsageError, /in the device's memory/);
  refused(() => kernels.packBits(new Uint8Array(9), new Uint8Array(8), 9), UsageError, /from 1 to 8/);
  const pool = { planes: 2, H: 4, W: 4, R: 2, S: 2, P: 4, Q: 4, stride: 2, padding: 2 };
  refused(() => kernels.avgPool(y, x, pool), ShapeError, /wider than its padding/);
  refused(
    () => kernels.crossEntropy(floats(1), floats(3), floats(3), floats(1).fill(3), 1, 3, 0),
    UsageError,
    /class from 0 to 2, got 3/,
  );
});
