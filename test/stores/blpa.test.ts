/** BLPA: known answers, the mask that follows from the codes, and what the method does not guarantee. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Tensor } from "../../src/engine/tensor.js";
import { UsageError } from "../../src/error.js";
import { referenceKernels } from "../../src/kernels/reference.js";
import { BlpaStore } from "../../src/stores/blpa.js";
import { train } from "../../src/training/loop.js";
import { engineOn, normals, request, through } from "../laws/quantisers.js";
import { small, within } from "../runs/small-runs.js";

/** What comes back of `values`, which stand for numbers of a channel with this mean and standard deviation 1. */
function coded(values: readonly number[], t: number): { codes: number[]; decoded: number[] } {
  const step = Math.fround(6 / 16);
  const shape = { N: 1, C: 1, size: values.length };
  const packed = new Uint8Array(Math.ceil(values.length / 2));
  const bits = Uint8Array.of(4);
  referenceKernels.quantizeLevels(
    packed,
    Float32Array.from(values),
    Float32Array.of(-t * step + 1e-6, step),
    bits,
    shape,
    "floor",
  );
  const x = new Float32Array(values.length);
  referenceKernels.dequantizeLevels(x, packed, Float32Array.of(-t * step, step), bits, shape, 0.5);
  const codes = new Uint8Array(values.length);
  referenceKernels.unpackBits(codes, packed, 4);
  return { codes: [...codes], decoded: [...x] };
}

test("codes and values have the known answers", () => {
  const values = [-1, 0, 0.1, 1, 4];
  assert.deepEqual(coded(values, 8), {
    codes: [5, 7, 8, 10, 15],
    decoded: [-0.9375, -0.1875, 0.1875, 0.9375, 2.8125],
  });
  assert.deepEqual(coded(values, 6).codes, [3, 5, 6, 8, 15]);
});

const norm = [request("batchNorm2d", "bn.y")];

test("signs are exact, and within three standard deviations the error is at most 3/K of one", () => {
  const values = normals(4 * 2 * 64, "blpa", { mean: 0.3 });
  const { decoded, bytes } = through(engineOn(), new BlpaStore(4), values, [4, 2, 8, 8], norm);
  // Four bits a value, and nine bytes for each channel.
  assert.equal(bytes, values.length / 2 + 2 * 9);
  values.forEach((x, i) => {
    if (Math.abs(x) > 2e-6) assert.equal(Math.sign(decoded[i]!), Math.sign(x));
    if (Math.abs(x - 0.3) < 2.2) assert.ok(Math.abs(decoded[i]! - x) <= (3 / 16) * 1.15, `${x}`);
  });
});

test("an outlier has no bound", () => {
  const values = normals(256, "outlier");
  values[7] = 40;
  const { decoded } = through(engineOn(), new BlpaStore(4), values, [1, 1, 16, 16], norm);
  assert.ok(Math.abs(decoded[7]! - 40) > 20);
});

test("a channel far below 0 loses its mask", () => {
  const values = normals(256, "below", { mean: -8 });
  values[7] = 0.5;
  const { decoded } = through(engineOn(), new BlpaStore(4), values, [1, 1, 16, 16], norm);
  assert.ok(decoded.every((x) => x < 0));
});

test("what no batch normalisation needs stays as it is", () => {
  const values = normals(256, "raw");
  assert.deepEqual(through(engineOn(), new BlpaStore(4), values, [1, 1, 16, 16]).decoded, values);
});

test("a network without batch normalisation is an error that names a site", async () => {
  await assert.rejects(
    within({ ...small, store: "blpa", steps: 2 }, (session) => train(session)),
    (error: unknown) => error instanceof UsageError && /store blpa at .*conv.*resnet20/.test(error.message),
  );
});

test("a constant channel comes back within its bins", () => {
  const x = Tensor.from(engineOn(), new Float32Array(16).fill(0.25), [1, 1, 4, 4]);
  const packed = new BlpaStore(4).pack(x, norm);
  x.dispose();
  const y = packed.range(0, 1);
  assert.ok(y.data.every(Number.isFinite));
  y.dispose();
  packed.free();
});
