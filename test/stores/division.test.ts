/** DIVISION: known answers, bytes, and what the method loses at 14 × 14. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { referenceKernels } from "../../src/kernels/reference.js";
import { DivisionStore } from "../../src/stores/division.js";
import { seed } from "../arbitrary/seed.js";
import { engineOn, normals, through, worstBias } from "../laws/quantisers.js";

console.log(`seed ${seed}`);

test("the codes of a ramp's residual have the known answers", () => {
  const ramp = Float32Array.from({ length: 16 }, (_, i) => i);
  const means = [2.5, 4.5, 10.5, 12.5];
  const r = ramp.map((x, i) => x - means[2 * Math.floor(i / 8) + Math.floor((i % 4) / 2)]!);
  const shape = { rows: 1, size: 16, group: 16, range: "rounded" } as const;
  const [packed, ranges, bits] = [new Uint8Array(4), new Uint8Array(4), Uint8Array.of(2)];
  referenceKernels.quantizeGroups(packed, ranges, r, bits, shape, null);
  assert.deepEqual([...packed.subarray(0, 2)], [0b01000100, 0b11101110]);
  const back = new Float32Array(16);
  referenceKernels.dequantizeGroups(back, packed, ranges, bits, shape);
  const expected = [0, 1.66234, 2, 3.66234];
  expected.forEach((x, i) => void assert.ok(Math.abs(back[i]! + means[i >> 1]! - x) < 1e-5));
});

for (const [extent, bits] of [
  [32, 2.28125],
  [16, 2.375],
  [8, 2.75],
  [4, 5],
] as const) {
  test(`a value of a ${extent} × ${extent} plane takes ${bits} bits`, () => {
    const n = 2 * 4 * extent * extent;
    const store = new DivisionStore({ divisionBits: 2, divisionBlock: 8 });
    const { bytes } = through(engineOn(), store, normals(n, "bytes"), [2, 4, extent, extent]);
    // And one byte that holds the number of bits.
    assert.equal(8 * (bytes - 1), bits * n);
  });
}

/** The mean squared error of a smooth plane in units of its variance. */
function relativeError(extent: number): number {
  const engine = engineOn();
  engine.stepSeed = seed;
  const store = new DivisionStore({ divisionBits: 2, divisionBlock: 8 });
  const smooth = Float32Array.from(
    { length: extent * extent },
    (_, i) => Math.floor(i / extent) / extent + (i % extent) / extent,
  );
  const { decoded } = through(engine, store, smooth, [1, 1, extent, extent]);
  return smooth.reduce((sum, x, i) => sum + (x - decoded[i]!) ** 2, 0) / smooth.length;
}

test("at 14 × 14 the one mean is that of a corner, and the error is that of no low-frequency part at all", () => {
  const ratio = relativeError(14) / relativeError(16);
  assert.ok(ratio > 2.5, `${ratio}`);
});

test("for residuals whose range bfloat16 holds, rounding is unbiased", () => {
  const engine = engineOn();
  const store = new DivisionStore({ divisionBits: 2, divisionBlock: 8 });
  // Whole numbers of which each block has the mean 8: the residuals go from −8 to 8, and the scale is 3/16.
  const values = Float32Array.from({ length: 64 }, (_, i) => [1, 15, 4, 12, 7, 9, 0, 16][i % 8]!);
  const worst = worstBias(400, (draw) => {
    engine.stepSeed = seed + draw;
    return through(engine, store, values, [1, 1, 8, 8]).decoded.map((x, i) => x - values[i]!);
  });
  // False alarms: see worstBias; here below 64·2·10^−9.
  assert.ok(worst < 6, `${worst}`);
});

test("what has no rows and columns stays as it is", () => {
  const store = new DivisionStore({ divisionBits: 2, divisionBlock: 8 });
  const values = normals(40, "linear");
  assert.deepEqual(through(engineOn(), store, values, [4, 10]).decoded, values);
  assert.deepEqual(through(engineOn(), store, values, [4, 10, 1, 1]).decoded, values);
});
