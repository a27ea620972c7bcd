/** ActNN: known answers, bytes, the bias of the published method and its absence. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { dither, mix } from "../../src/codec/stages/quantize.js";
import { Tensor } from "../../src/engine/tensor.js";
import { UsageError } from "../../src/error.js";
import type { GroupShape } from "../../src/kernels/kernels.js";
import { referenceKernels } from "../../src/kernels/reference.js";
import { defaultsOf } from "../../src/setting.js";
import { ActnnStore, actnnSettings } from "../../src/stores/actnn.js";
import { allocateBits } from "../../src/stores/bit-allocation.js";
import { seed } from "../arbitrary/seed.js";
import { engineOn, normals, request, through, worstBias } from "../laws/quantisers.js";

console.log(`seed ${seed}`);
const defaults = defaultsOf(actnnSettings);
const fixed = { ...defaults, actnnLevel: "L2" as const, actnnBits: 2 };

const group: GroupShape = { rows: 1, size: 4, group: 4, range: "rounded" };

test("a group of four: codes, the byte, and the values", () => {
  // The known answer has u = .3 .7 .2 .9 in [0, 1), which is −.2 .2 −.3 .4 here. Any draw on the same sides gives its codes.
  const sides = (draw: number) => [0, 1, 2, 3].map((i) => dither(mix(draw), i));
  const draw = Array.from({ length: 1000 }, (_, i) => i).find((i) => {
    const [, b, c] = sides(i);
    return b! > 0 && b! < 0.35 && c! < 0;
  })!;
  const [packed, ranges] = [new Uint8Array(1), new Uint8Array(4)];
  const bits = Uint8Array.of(2);
  const coded = (seed: number) => {
    const values = Float32Array.of(-1, 0.1, 0.5, 2);
    referenceKernels.quantizeGroups(packed, ranges, values, bits, group, seed);
    const x = new Float32Array(4);
    referenceKernels.dequantizeGroups(x, packed, ranges, bits, group);
    return [packed[0], ...x];
  };
  assert.deepEqual(coded(draw), [0xd4, -1, 0, 0, 2]);
});

test("a range is kept as bfloat16, and values are decoded with it", () => {
  const [packed, ranges] = [new Uint8Array(1), new Uint8Array(4)];
  const bits = Uint8Array.of(2);
  const values = Float32Array.of(-1.37, 0.1, 0.5, 2.41);
  referenceKernels.quantizeGroups(packed, ranges, values, bits, group, null);
  const x = new Float32Array(4);
  referenceKernels.dequantizeGroups(x, packed, ranges, bits, group);
  const expected = [-1.3671875, -0.1061, -0.1061, 2.41606];
  x.forEach((value, i) => void assert.ok(Math.abs(value - expected[i]!) < 5e-5, `${value}`));
});

test("the greedy allocation has the known answers", () => {
  assert.deepEqual([...allocateBits([1000, 10, 1], [1, 1, 1], 9)], [5, 3, 1]);
  assert.deepEqual([...allocateBits([16, 1], [1, 4], 12)], [4, 2]);
  assert.deepEqual([...allocateBits([], [], 0)], []);
});

test("2 bits are 2.125 bits a value, and the ledger counts them", () => {
  const engine = engineOn();
  const x = Tensor.from(engine, normals(2 * 1024, "bytes"), [2, 4, 16, 16]);
  const before = engine.device.ledger.live.saved;
  const packed = new ActnnStore(fixed).pack(x, [request()]);
  // 8 groups of 64 + 4 bytes, and one byte for each image.
  assert.equal(packed.bytes, 8 * 68 + 2);
  assert.equal(engine.device.ledger.live.saved - before, Math.ceil(packed.bytes / 64) * 64);
  packed.free();
  x.dispose();
  assert.equal(engine.device.ledger.live.saved, before);
});

/** The mean errors of 400 draws, in standard errors; see `worstBias` for the false-alarm rate (here 256·2·10^−9). */
function bias(actnnUnbiased: boolean): number {
  const engine = engineOn();
  const store = new ActnnStore({ ...fixed, actnnUnbiased });
  // A range off zero: the rounding of the least value to 8 bits weighs most.
  const values = normals(256, "bias", { mean: 100 });
  return worstBias(400, (draw) => {
    engine.stepSeed = seed + draw;
    return through(engine, store, values, [1, 256]).decoded.map((v, i) => v - values[i]!);
  });
}

test("with ranges as they are kept, rounding is unbiased", () => {
  const found = bias(true);
  assert.ok(found < 6, `${found} standard errors`);
});

test("as published, it is not: the bias of bfloat16 is found", () => {
  const found = bias(false);
  assert.ok(found > 10, `${found} standard errors`);
});

test("no error reaches a step", () => {
  const engine = engineOn();
  const store = new ActnnStore({ ...fixed, actnnUnbiased: true });
  const values = normals(1000, "steps");
  const { decoded } = through(engine, store, values, [2, 500]);
  for (let i = 0; i < 1000; i++) {
    const first = i < 500 ? 0 : 500;
    const start = first + 256 * Math.floor((i - first) / 256);
    const own = [...values.subarray(start, Math.min(start + 256, first + 500))];
    const span = Math.max(...own, 0) - Math.min(...own, 0);
    assert.ok(Math.abs(decoded[i]! - values[i]!) < 1.02 * (span / 3), `value ${i}`);
  }
});

test("L1 leaves what batch normalisation saves as it is", () => {
  const engine = engineOn();
  const store = new ActnnStore({ ...defaults, actnnLevel: "L1" });
  const values = normals(512, "L1");
  const kept = through(engine, store, values, [2, 256], [request("batchNorm2d", "bn.x")]);
  assert.deepEqual(kept.decoded, values);
  assert.notDeepEqual(through(engine, store, values, [2, 256]).decoded, values);
});

test("a part of a bit makes sense as an average only", () => {
  assert.throws(
    () => new ActnnStore({ ...fixed, actnnBits: 2.5 }),
    (error: unknown) => error instanceof UsageError && /actnnBits.*whole number.*L2/.test(error.message),
  );
  new ActnnStore({ ...defaults, actnnBits: 2.5 });
});

test("a quiet channel gets the steps of a loud one in its group", () => {
  const engine = engineOn();
  engine.stepSeed = seed;
  const values = normals(256, "channels").map((x, i) => (i < 4 ? 100 * x : 0.01 * x));
  const { decoded } = through(engine, new ActnnStore(fixed), values, [1, 64, 2, 2]);
  const worst = decoded.reduce((most, x, i) => (i < 4 ? most : Math.max(most, Math.abs(x - values[i]!))), 0);
  assert.ok(worst > 100 * 0.01, `${worst}`);
});
