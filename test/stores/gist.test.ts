/** Gist: known answers of its numbers, its sparse rows, and what is exact and what is not. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Tensor } from "../../src/engine/tensor.js";
import { smallFloatOf } from "../../src/kernels/reference/small-float.js";
import { smallFloats } from "../../src/kernels/small-float.js";
import { GistStore } from "../../src/stores/gist.js";
import { type Format, formatBytes } from "../../src/stores/small-float.js";
import { train } from "../../src/training/loop.js";
import { engineOn, normals, request, through } from "../laws/quantisers.js";
import { small, within } from "../runs/small-runs.js";

const rectified = [request(), { ...request("relu", "relu.y"), need: "support" as const }];

const back = (format: Format, ...values: number[]): number[] => [
  ...through(engineOn(), new GistStore({ gistFormat: format }), values, [1, values.length]).decoded,
];

test("small numbers have the known answers", () => {
  const values = [1.1, -0.3, 300, 0.001];
  assert.deepEqual(back("fp8", ...values), [1.125, -0.3125, 240, 2 ** -9]);
  assert.deepEqual(back("fp10", ...values), [1.125, -0.296875, 304, 2 ** -10]);
  assert.deepEqual(back("fp8", 2 ** -10, -(2 ** -11), 0), [0, -0, 0]);
  assert.deepEqual(back("fp16", 65504, 65519, 1e9, Number.POSITIVE_INFINITY, Number.NaN), [
    65504,
    65504,
    65504,
    Number.POSITIVE_INFINITY,
    Number.NaN,
  ]);
});

test("every small number comes back as itself, and the nearest one is chosen", () => {
  for (const form of Object.values(smallFloats)) {
    const codes = 2 ** (form.exponent + form.mantissa) - 2 ** form.mantissa;
    let last = 0;
    for (let code = 0; code < codes; code++) {
      const bias = 2 ** (form.exponent - 1) - 1;
      const [power, fraction] = [code >> form.mantissa, code % 2 ** form.mantissa];
      const least = 2 ** (1 - bias - form.mantissa);
      const value =
        power === 0 ? fraction * least : (2 ** form.mantissa + fraction) * least * 2 ** (power - 1);
      assert.equal(smallFloatOf(value, form), code);
      const middle = (last + value) / 2;
      if (code > 0) assert.equal(smallFloatOf(middle, form), code % 2 === 0 ? code : code - 1);
      last = value;
    }
  }
});

test("in range, an error is at most 2^-(m + 1) of the value", () => {
  const values = [...normals(2000, "relative")].filter((x) => Math.abs(x) > 2 ** -6);
  for (const [format, bound] of [
    ["fp8", 2 ** -4],
    ["fp10", 2 ** -5],
    ["fp16", 2 ** -11],
  ] as const) {
    back(format, ...values).forEach((y, i) => {
      assert.ok(Math.abs(y - values[i]!) <= bound * Math.abs(values[i]!));
    });
  }
});

test("a sparse tensor takes a column and a number for each value that is not 0, and its support is exact", () => {
  const engine = engineOn();
  const values = normals(2 * 600, "sparse", { rectified: true, mean: -0.5 });
  // In fp8 this one becomes 0.
  values[3] = 1e-5;
  const kept = values.filter((x) => x !== 0).length;
  const x = Tensor.from(engine, values, [2, 1, 20, 30]);
  const packed = new GistStore({ gistFormat: "fp8" }).pack(x, rectified);
  x.dispose();
  assert.equal(packed.bytes, 4 * (Math.ceil(1200 / 256) + 1) + 4 * Math.ceil(kept / 4) + kept);
  const dx = packed.gate!(Tensor.from(engine, new Float32Array(1200).fill(2), [2, 1, 20, 30]))!;
  values.forEach((value, i) => void assert.equal(dx.data[i], value === 0 ? 0 : 2));
  dx.dispose();
  const [whole, second] = [packed.range(0, 2), packed.range(1, 1)];
  assert.deepEqual(second.data.slice(), whole.data.slice(600));
  assert.equal(whole.data[3], 0);
  for (const tensor of [whole, second]) tensor.dispose();
  packed.free();
});

test("a tensor with few zeros is dense, with a mask beside it", () => {
  const values = normals(1024, "dense", { mean: 8 });
  const { bytes } = through(
    engineOn(),
    new GistStore({ gistFormat: "fp10" }),
    values,
    [1, 1, 32, 32],
    rectified,
  );
  assert.equal(bytes, formatBytes(1024, "fp10") + 1024 / 8);
});

test("with fp32 training has the bits of the plain store", async () => {
  const run = (store: "plain" | "gist") =>
    within({ ...small, store, model: "resnet8", steps: 4, gistFormat: "fp32" }, (session) => train(session));
  assert.equal((await run("gist")).weights, (await run("plain")).weights);
});
