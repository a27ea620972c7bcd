/** AC-GC: known answers, its bound and where it fails, and the bits that its repository does not count. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Tensor } from "../../src/engine/tensor.js";
import { UsageError } from "../../src/error.js";
import type { AcgcStore } from "../../src/stores/acgc.js";
import { bitsFor, FixedPointFrame, scaleOf } from "../../src/stores/acgc-frame.js";
import { AcgcController } from "../../src/stores/acgc-statistics.js";
import { train } from "../../src/training/loop.js";
import { engineOn, normals, request } from "../laws/quantisers.js";
import { noise, small, within } from "../runs/small-runs.js";

/** What comes back of one channel with b bits. */
function coded(values: readonly number[], b: number, sparse = false) {
  const engine = engineOn();
  const x = Tensor.from(engine, values, [1, 1, 1, values.length]);
  const [largest, signed] = [
    [values.reduce((a, v) => Math.max(a, Math.abs(v)), 0)],
    values.some((v) => v < 0),
  ];
  const frame = new FixedPointFrame(x, "conv.x", { largest, bits: [b], signed, sparse });
  x.dispose();
  const y = frame.range(0, 1);
  const codes = Array.from(y.data, (v) => Math.round(v * scaleOf(largest[0]!) * 2 ** b));
  const decoded = [...y.data];
  y.dispose();
  frame.free();
  return { codes, decoded, bytes: frame.bytes, countedBits: frame.countedBits };
}

test("codes have the known answers, with signs and without, with zeros apart and without", () => {
  assert.equal(bitsFor(1 / 18, scaleOf(1)), 2);
  for (const sparse of [false, true]) {
    assert.deepEqual(coded([0, 0.25, 0.3, 0.9, 1], 2, sparse).codes, [0, 1, 1, 4, 4]);
    assert.deepEqual(coded([-1, -0.3, 0, 0.4, 0.99], 2, sparse).codes, [-4, -1, 0, 2, 3]);
  }
});

test("the allowed errors have the known answers", () => {
  const known = (site: string, statistics: Record<string, number[]>, op: string) => {
    const controller = new AcgcController(0, 100);
    controller.restore([{ site, collections: [statistics] }]);
    const x = Tensor.from(engineOn(), [1, 1, 1, 1], [1, 1, 2, 2]);
    return controller.allowed(x, [request(op, site)], [1])![0]!;
  };
  assert.equal(known("c.x", { sent: [9], gradient: [4] }, "conv2d"), 1 / 18);
  // n² = 16 and max δ² = ¼.
  const norm = { slope: [1], gain: [1], spread: [16 * 0.25], scaled: [4], sent: [1] };
  assert.equal(known("b.x", norm, "batchNorm2d"), 0.8);
});

test("the repository counts b bits where its codes need b + 1", () => {
  const values = [...normals(800, "bits")];
  const { bytes, countedBits } = coded(values, 6);
  assert.equal(countedBits, 800 * 6);
  assert.equal(bytes, 5 + 8 + (800 * 7) / 8);
});

test("an error is at most half a step, but the largest value of a channel with signs is a whole one off", () => {
  const values = [-0.25, ...normals(200, "bound").map((x) => x / 8), 1];
  const { decoded } = coded(values, 5);
  const step = 1 / 32;
  values.slice(0, -1).forEach((x, i) => void assert.ok(Math.abs(decoded[i]! - x) <= 0.5001 * step));
  assert.ok(Math.abs(decoded.at(-1)! - 1) > 0.99 * step);
});

test("zeros apart: the mask, and b bits for each code that is not 0", () => {
  const values = [...normals(800, "sparse", { rectified: true })];
  const { bytes, decoded } = coded(values, 6, true);
  const kept = decoded.filter((x) => x !== 0).length;
  assert.equal(bytes, 5 + 8 + Math.ceil((800 + 6 * kept) / 8));
  // A ReLU's mask from decoded values is not exact.
  assert.ok(kept < values.filter((x) => x !== 0).length);
});

test("an op without a rule is an error that names its site", async () => {
  await assert.rejects(
    within(
      { ...small, store: "acgc", model: "efficientnet_b0", steps: 1 },
      (session) => train(session),
      noise(32),
    ),
    (error: unknown) =>
      error instanceof UsageError && /store acgc at .*(silu|swish|act|\d).*resnet20/.test(error.message),
  );
});

test("the store counts as its repository does beside the true bytes", async () => {
  await within({ ...small, store: "acgc", model: "resnet8", steps: 2 }, async (session) => {
    await train(session);
    const { bits, bytes } = (session.engine.store as AcgcStore).counted;
    assert.ok(bits > 0 && 8 * bytes > 1.05 * bits, `${bits} counted, ${8 * bytes} in truth`);
  });
});
