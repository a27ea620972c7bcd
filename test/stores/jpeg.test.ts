/** JPEG-ACT as a store: what it makes of each site, what it promises, and what it does not. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { createEngine } from "../../src/engine/engine.js";
import type { Need, SaveRequest } from "../../src/engine/packed.js";
import type { Engine } from "../../src/engine/tape.js";
import { Tensor } from "../../src/engine/tensor.js";
import { UsageError } from "../../src/error.js";
import { createRng } from "../../src/rng.js";
import { listCheckpoints, readCheckpoint, restore, writeCheckpoint } from "../../src/runs/checkpoint.js";
import { defaultsOf } from "../../src/setting.js";
import { JpegStore, jpegSettings } from "../../src/stores/jpeg.js";
import { train } from "../../src/training/loop.js";
import type { TrainRecord } from "../../src/training/records.js";
import { createSession } from "../../src/training/session.js";
import { seed } from "../arbitrary/seed.js";
import { trainTenSteps } from "../laws/training.js";
import { noise, small, state, within } from "../runs/small-runs.js";

console.log(`seed ${seed}`);
const folder = mkdtempSync(join(tmpdir(), "comet-jpeg-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const defaults = defaultsOf(jpegSettings);
const stores = ["jpeg-act", "jpeg-base"] as const;
const act = (settings = defaults) => new JpegStore("jpeg-act", "zvc", settings);

const request = (op: string, need: Need): SaveRequest => ({
  site: { name: `here.${op}`, op, parameter: null },
  need,
  ...{ share: 1, positive: false, sole: true, derived: false },
});

const normal = (count: number): Float32Array => {
  const rng = createRng(seed);
  const draw = () => Array.from({ length: 12 }, () => rng.uniform() - 0.5).reduce((a, b) => a + b);
  return Float32Array.from({ length: count }, draw);
};

const tensor = (engine: Engine, shape: readonly number[], values?: Float32Array) =>
  Tensor.from(engine, values ?? normal(shape.reduce((a, b) => a * b, 1)), shape);

/** Images of slow waves. */
const waves = (engine: Engine, [N, C, H, W]: readonly [number, number, number, number]) =>
  tensor(
    engine,
    [N, C, H, W],
    Float32Array.from({ length: N * C * H * W }, (_, i) => Math.sin(i / 5) + Math.cos(i / (5 * W))),
  );

/** Packs one tensor and returns the kind, the bytes and what comes back. */
function packed(x: Tensor, requests: readonly SaveRequest[], store = act()) {
  const form = store.pack(x, requests);
  const found = { kind: form.kind, bytes: form.bytes, bounded: form.bounded };
  const back = form.kind === "mask" ? null : form.range(0, x.shape[0]!);
  const values = back?.data.slice() ?? null;
  back?.dispose();
  form.free();
  return { ...found, values };
}

test("what a batch normalisation saves is transformed; other values become bytes; a support becomes a mask", () => {
  const engine = createEngine({ memory: "32MiB" });
  const x = waves(engine, [2, 4, 16, 16]);
  const norm = packed(x, [request("batchNorm2d", "value")]);
  const conv = packed(x, [request("conv2d", "value")]);
  const rectified = packed(x, [request("relu", "support"), request("batchNorm2d", "value")]);
  assert.equal(norm.kind, "frame");
  assert.ok(norm.bytes < 0.5 * conv.bytes);
  // One byte a value, four a channel, and one for the frame.
  assert.equal(conv.bytes, 2048 + 16 + 1);
  assert.equal(rectified.bytes, conv.bytes);
  assert.deepEqual(packed(x, [request("relu", "support")]).kind, "mask");
  assert.deepEqual(packed(x, [request("sigmoid", "exact")]).values, x.data);
  assert.equal(norm.bounded, undefined);
});

test("images that are not square or less than a block wide become bytes", () => {
  const engine = createEngine({ memory: "32MiB" });
  for (const [H, W] of [
    [7, 7],
    [16, 8],
  ] as const) {
    const x = tensor(engine, [2, 3, H, W]);
    const { bytes } = packed(x, [request("batchNorm2d", "value")]);
    assert.equal(bytes, 6 * H * W + 12 + 1);
  }
});

test("a ReLU's zeros are left out, and non-negative values do not come back below zero", () => {
  const engine = createEngine({ memory: "32MiB" });
  const values = normal(2048).map((value) => Math.max(0, value));
  const x = tensor(engine, [2, 4, 16, 16], values);
  const { bytes } = packed(x, [request("relu", "support"), request("conv2d", "value")]);
  assert.ok(bytes < 2048 * 0.7, `${bytes} bytes`);
  for (const op of ["batchNorm2d", "conv2d"]) {
    assert.ok(packed(x, [request(op, "value")]).values!.every((value) => value >= 0));
  }
});

test("the parts of a tensor are those of the whole, also where a part is no whole frame", () => {
  const engine = createEngine({ memory: "64MiB" });
  const x = tensor(engine, [5, 8, 64, 64]);
  for (const op of ["batchNorm2d", "conv2d"]) {
    const form = act().pack(x, [request(op, "value")]);
    assert.equal(form.images, 4);
    const whole = form.range(0, 5);
    const part = form.range(3, 2);
    assert.deepEqual(part.data, whole.data.subarray(3 * 8 * 64 * 64));
    part.dispose();
    whole.dispose();
    assert.equal(
      engine.device.ledger.live.workspace,
      createEngine({ memory: "1MiB" }).device.ledger.live.workspace,
    );
    form.free();
  }
  assert.equal(engine.device.ledger.live.saved, 0);
});

test("a tensor with a value that is not finite is kept as it is", () => {
  const engine = createEngine({ memory: "16MiB" });
  for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
    const x = tensor(engine, [1, 1, 8, 8]);
    x.data[5] = bad;
    const { kind, values } = packed(x, [request("batchNorm2d", "value")]);
    assert.equal(kind, "raw");
    assert.deepEqual(values, x.data);
  }
});

test("after the steps of optL, optH divides", () => {
  const engine = createEngine({ memory: "16MiB" });
  const x = waves(engine, [2, 4, 16, 16]);
  const store = act({ ...defaults, jpegSteps: 3 });
  const bytesAt = (step: number) => {
    store.controller.begin!(step);
    return packed(x, [request("batchNorm2d", "value")], store).bytes;
  };
  assert.equal(bytesAt(0), bytesAt(2));
  assert.ok(bytesAt(3) < bytesAt(2));
  const fixed = packed(x, [request("batchNorm2d", "value")], act({ ...defaults, jpegTable: "optH" }));
  assert.equal(bytesAt(3), fixed.bytes);
});

// ── what the method does not guarantee ──

test("violation: values beyond 127/144 of a channel's maximum are clipped, by up to 11.8 % of it", () => {
  const engine = createEngine({ memory: "16MiB" });
  const values = Float32Array.from({ length: 64 }, (_, i) => i / 63);
  const { values: back } = packed(tensor(engine, [1, 1, 8, 8], values), [request("conv2d", "value")]);
  assert.ok(Math.abs(1 - back![63]! - (1 - 127 / 144)) < 1e-4);
  assert.equal(back![63], back![58]);
});

test("violation: no bound holds for a single value: the error of one that stands alone is most of it", () => {
  const engine = createEngine({ memory: "16MiB" });
  const values = new Float32Array(64);
  values[27] = 1;
  const x = tensor(engine, [1, 1, 8, 8], values);
  const { values: back } = packed(
    x,
    [request("batchNorm2d", "value")],
    act({ ...defaults, jpegTable: "optH" }),
  );
  assert.ok(Math.abs(back![27]! - 1) > 0.6, `it comes back as ${back![27]}`);
});

test("violation: a small value above zero comes back as 0, and its ReLU lets no δ through", () => {
  const passed = (store?: JpegStore) => {
    const engine = createEngine({ memory: "16MiB", ...(store && { store }) });
    const x = tensor(engine, [1, 1, 1, 4], Float32Array.of(0.01, 0, 1, 3));
    const [support, value] = [request("relu", "support"), request("conv2d", "value")].map(({ site, need }) =>
      engine.store.put(x, site, need),
    );
    x.dispose();
    const dx = engine.store.gate(support!, tensor(engine, [1, 1, 1, 4], Float32Array.of(1, 1, 1, 1)));
    engine.store.drop(value!);
    return [...dx.data];
  };
  assert.deepEqual(passed(), [1, 0, 1, 1]);
  assert.deepEqual(passed(act()), [0, 0, 1, 1]);
});

// ── training ──

test("ResNet-8 trains, every saved byte counts, and the conv inputs take a quarter or less", async () => {
  for (const store of stores) {
    const records: TrainRecord[] = [];
    const settings = { ...small, model: "resnet8", store, steps: 6 };
    await within(settings, async (session) => {
      await train(session, { onRecord: (record) => records.push(record) });
    });
    const steps = records.flatMap((record) => (record.kind === "step" ? [record] : []));
    assert.equal(steps.length, 6);
    for (const { loss, convRawBytes, convPackedBytes, rawBytes, packedBytes, savedPeakBytes } of steps) {
      assert.ok(Number.isFinite(loss));
      assert.ok(convPackedBytes < 0.27 * convRawBytes, `${store}: ${convPackedBytes} of ${convRawBytes}`);
      assert.ok(packedBytes < 0.27 * rawBytes);
      // Blocks of the device are whole cache lines.
      assert.ok(savedPeakBytes >= packedBytes);
    }
  }
});

test("the weights depend on the store, but neither on the threads nor on which kernels compute", async () => {
  const all: string[] = [];
  for (const store of stores) {
    const ways = [
      { store, build: "reference", threads: 1 },
      { store, build: "release", threads: 1 },
      { store, build: "release", threads: 2 },
    ] as const;
    const weights: string[] = [];
    for (const way of ways) weights.push((await trainTenSteps(way, undefined, noise(16))).weights);
    assert.equal(new Set(weights).size, 1, store);
    all.push(weights[0]!);
  }
  const { weights } = await trainTenSteps(
    { store: "plain", build: "release", threads: 1 },
    undefined,
    noise(16),
  );
  assert.notEqual(all[0], weights);
  // Both codings are exact, so the methods differ in their bytes alone.
  assert.equal(all[0], all[1]);
});

test("a run that was cut goes on with the table of its step, to the weights of one that was not", async () => {
  const settings = { ...small, model: "resnet8", store: "jpeg-act" as const, jpegSteps: 6, steps: 8 };
  const on = noise(16);
  const run = join(folder, "cut");
  const whole = await within(
    settings,
    (session) =>
      train(session, {
        checkpointEvery: 5,
        onCheckpoint: async (position) => {
          await writeCheckpoint(run, session, state(position));
        },
      }),
    on,
  );
  const [name] = await listCheckpoints(run);
  const checkpoint = await readCheckpoint(run, name!);
  const rest = await within(
    settings,
    async (session) => {
      await restore(session, checkpoint);
      return train(session, {}, checkpoint.state.position);
    },
    on,
  );
  assert.equal(rest.weights, whole.weights);
});

test("a setting out of range is refused, with what would do", () => {
  const make = (settings: object) => createSession({ ...small, store: "jpeg-act", ...settings }, noise(16));
  for (const [settings, expected] of [
    [{ jpegTable: "optM" }, /settings\.jpegTable.*optL/],
    [{ jpegTable: "standard", jpegQuality: 0 }, /settings\.jpegQuality.*from 1 to 100.*90/],
    [{ jpegSteps: -1 }, /settings\.jpegSteps.*at least 0/],
  ] as const) {
    assert.throws(
      () => make(settings),
      (error: Error) => error instanceof UsageError && expected.test(error.message.replaceAll("\n", " ")),
    );
  }
});
