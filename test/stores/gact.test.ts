/** GACT: known answers, bytes, what sharing saves, and what is not exact. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Application } from "../../src/engine/application.js";
import type { Trial } from "../../src/engine/controller.js";
import type { Parameter } from "../../src/engine/parameter.js";
import { Tensor } from "../../src/engine/tensor.js";
import { defaultsOf } from "../../src/setting.js";
import { allocateBits } from "../../src/stores/bit-allocation.js";
import { GactStore, gact } from "../../src/stores/gact.js";
import { GactController, gactLadder, sensitivityOf } from "../../src/stores/gact-bits.js";
import { seed } from "../arbitrary/seed.js";
import { engineOn, normals, request, through, worstBias } from "../laws/quantisers.js";

console.log(`seed ${seed}`);
const defaults = defaultsOf(gact.settings) as { gactBits: number; gactEvery: number; gactUnshared: boolean };

test("sensitivity and bits have the known answers", () => {
  const parameter = {} as Parameter;
  const gradients = (...values: number[]) => new Map([[parameter, Float32Array.from(values)]]);
  assert.equal(sensitivityOf(gradients(1, 0), gradients(0, 1), gradients(0.5, 0.5)), 2);
  assert.equal(sensitivityOf(gradients(Number.NaN), gradients(0), gradients(0)), 1e10);
  assert.deepEqual([...allocateBits([100, 1, 1], [1, 1, 2], 16, gactLadder)], [8, 4, 2]);
  assert.deepEqual([...allocateBits([1000, 10, 1], [1, 1, 1], 9, gactLadder)], [4, 2, 1]);
});

test("4 bits are 4.25 bits a value; two encodings take twice that", () => {
  const values = normals(4096, "bytes");
  const both = [request(), { ...request("relu", "relu.y"), need: "support" as const }];
  const bytes = (gactUnshared: boolean) =>
    through(engineOn(), new GactStore({ ...defaults, gactUnshared }), values, [4, 4, 16, 16], both).bytes;
  // And one byte with the number of bits.
  assert.equal(bytes(false), (4096 * 4.25) / 8 + 1);
  assert.equal(bytes(true), 2 * bytes(false));
});

test("images that share groups come back alike in parts and as a whole", () => {
  const engine = engineOn();
  const x = Tensor.from(engine, normals(6 * 96, "parts"), [6, 96]);
  const packed = new GactStore(defaults).pack(x, [request()]);
  x.dispose();
  const whole = packed.range(0, 6);
  for (const [first, count] of [
    [0, 1],
    [1, 2],
    [5, 1],
  ] as const) {
    const part = packed.range(first, count);
    assert.deepEqual(part.data.slice(), whole.data.slice(96 * first, 96 * (first + count)));
    part.dispose();
  }
  whole.dispose();
  packed.free();
});

test("rounding is unbiased", () => {
  const engine = engineOn();
  const store = new GactStore({ ...defaults, gactBits: 2 });
  const values = normals(256, "bias", { mean: 100 });
  const worst = worstBias(400, (draw) => {
    engine.stepSeed = seed + draw;
    return through(engine, store, values, [1, 256]).decoded.map((x, i) => x - values[i]!);
  });
  // False alarms: see worstBias; here below 256·2·10^−9.
  assert.ok(worst < 6, `${worst} standard errors`);
});

test("zeros of a ReLU stay zeros, and some values above zero become zeros too: the mask is not exact", () => {
  const values = normals(4096, "mask", { rectified: true });
  const { decoded } = through(engineOn(), new GactStore(defaults), values, [4, 4, 16, 16]);
  let lost = 0;
  values.forEach((x, i) => {
    if (x === 0) assert.equal(decoded[i], 0);
    else if (decoded[i] === 0) lost++;
  });
  assert.ok(lost > 10, `${lost}`);
});

test("the more sensitive tensor gets more bits, measured before the first step and at the interval", () => {
  const controller = new GactController(4, 2);
  const parameter = {} as Parameter;
  let passes = 0;
  const trial: Trial = {
    images: 2,
    // A pass in which `a` disturbs the gradient a hundred times more than `b`.
    backPropagate() {
      passes++;
      const noise = (name: string) => {
        const { bits, salt } = controller.bitsOf(name, 100);
        return bits === 1 ? salt : 0;
      };
      const gradient = { data: Float32Array.of(100 * noise("a"), noise("b")) } as Tensor;
      const visit = controller.observer.visit({} as Application, gradient);
      visit?.parameter?.(parameter, gradient);
      return new Map();
    },
    forward: () => 0,
    leftForSaved: () => 0,
    memory: { budget: 0, limit: 0, fitting: () => 1, profile: () => [] },
  };
  const steps = [0, 1, 2].map(() => {
    controller.prepare(trial);
    controller.begin();
    return passes;
  });
  assert.deepEqual(steps, [7, 7, 13]);
  assert.ok(controller.bitsOf("a", 100).bits > controller.bitsOf("b", 100).bits);
  const other = new GactController(4, 2);
  other.restore(controller.state());
  assert.deepEqual(other.state(), controller.state());
});
