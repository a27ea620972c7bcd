/** Frames of one tensor, side by side: the same bytes and values for any number of threads, however they are asked for. */
import assert from "node:assert/strict";
import { after, mock, test } from "node:test";
import { WasmCodec } from "../../src/codec/wasm.js";
import type { Quantizer } from "../../src/comet/coding.js";
import { deviceCodec } from "../../src/comet/device-codec.js";
import { Frames } from "../../src/comet/frames.js";
import { randomImages } from "../../src/data/random.js";
import { createEngine } from "../../src/engine/engine.js";
import type { Next } from "../../src/engine/packed.js";
import type { Engine } from "../../src/engine/tape.js";
import { Tensor } from "../../src/engine/tensor.js";
import { MemoryError } from "../../src/error.js";
import { createRng } from "../../src/rng.js";
import { train } from "../../src/training/loop.js";
import { createSession } from "../../src/training/session.js";
import { defaults } from "../../src/training/settings.js";
import { seed } from "../arbitrary/seed.js";

const engines = [1, 3].map((threads) => createEngine({ memory: "64MiB", threads }));
after(() => Promise.all(engines.map((engine) => engine.close())));

/** Seven images of 256 KiB: parts of two, and a last one. */
const shape = [7, 16, 64, 64];
const size = 16 * 64 * 64;
const rng = createRng(seed);
const values = Float32Array.from({ length: 7 * size }, (_, i) => Math.sin(i / 50) + rng.uniform() - 0.5);

function framesOf(engine: Engine, quantizer: Quantizer, below = 0.4): Frames {
  const x = Tensor.from(engine, values, shape, "x");
  const coding = { bound: 0.1, below, quantizer, mode: "auto", saving: 0.4, seed } as const;
  const frames = new Frames(deviceCodec(engine), x, "x", coding, { masked: true });
  x.dispose();
  return frames;
}

/** There was a moment at which so many bytes more were in use. */
function height({ device }: Engine, bytes: number): void {
  device.free(device.allocate(bytes, "workspace", "height"));
}

function taken(tensor: Tensor): Float32Array {
  const data = tensor.data.slice();
  tensor.dispose();
  return data;
}

for (const quantizer of ["dithered", "support"] as const) {
  test(`frames of ${quantizer} values do not depend on the number of threads, nor on how they are asked for`, () => {
    const [whole, rectified] = engines.map((engine) => {
      const frames = framesOf(engine, quantizer);
      const all = taken(frames.range(0, 7));
      const positive = taken(frames.rectified!(0, 7));
      // In order, which is read ahead; one again; across two frames; and something else in between.
      for (const [first, count] of [
        [0, 2],
        [2, 2],
        [0, 2],
        [4, 2],
        [1, 3],
        [6, 1],
        [2, 2],
      ] as const) {
        assert.deepEqual(taken(frames.range(first, count)), all.slice(first * size, (first + count) * size));
        const part = positive.slice(first * size, (first + count) * size);
        assert.deepEqual(taken(frames.rectified!(first, count)), part);
      }
      frames.free();
      assert.equal(engine.device.ledger.live.saved + engine.device.ledger.live.activations, 0);
      return { bytes: frames.bytes, all, positive };
    }) as [{ bytes: number; all: Float32Array; positive: Float32Array }, unknown];
    assert.deepEqual(rectified, whole);
    values.forEach((x, i) => {
      assert.ok(Math.abs(whole.all[i]! - x) < (x < 0 ? 0.4 : 0.1), `value ${i}`);
      assert.equal(whole.positive[i], x < 0 ? 0 : whole.all[i], `value ${i}`);
    });
  });
}

test("a pass over rectified values leaves the others beside it, unless memory is short", () => {
  for (const engine of engines) {
    const { device } = engine;
    height(engine, 2 ** 23);
    const frames = framesOf(engine, "dithered");
    const all = taken(frames.range(0, 7));
    const positive = taken(frames.rectified!(0, 7));
    const pass = (next: Next = "values") => {
      for (const [first, count] of [
        [0, 2],
        [2, 2],
        [4, 2],
        [6, 1],
      ] as const) {
        const part = positive.slice(first * size, (first + count) * size);
        assert.deepEqual(taken(frames.rectified!(first, count, next)), part);
      }
    };
    pass();
    assert.equal(device.ledger.live.activations, 4 * 7 * size);
    assert.deepEqual(taken(frames.range(0, 7)), all);
    assert.equal(device.ledger.live.activations, 0);
    // Whoever needs the room has it, and the values are decoded anew.
    pass();
    let free = 0;
    while (device.fits(free + 65536)) free += 65536;
    const rest = device.allocate(free + 2 * 65536, "workspace", "rest");
    assert.equal(device.ledger.live.activations, 0);
    device.free(rest);
    assert.deepEqual(taken(frames.range(0, 7)), all);
    // Not all images have come by.
    taken(frames.rectified!(0, 2, "values"));
    assert.deepEqual(taken(frames.range(0, 7)), all);
    // Both come from one decoding, in any order, until the device needs the room.
    const decoding = mock.method(WasmCodec.prototype, "decoding");
    pass("both");
    pass("both");
    assert.deepEqual(taken(frames.rectified!(0, 7, null)), positive);
    assert.deepEqual(taken(frames.range(0, 2, true)), all.slice(0, 2 * size));
    pass("values");
    assert.deepEqual(taken(frames.range(0, 7)), all);
    assert.equal(decoding.mock.callCount(), 4);
    pass("both");
    device.reclaim();
    pass("both");
    assert.equal(decoding.mock.callCount(), 12);
    decoding.mock.restore();
    frames.free();
    assert.equal(device.ledger.live.activations + device.ledger.live.saved, 0);
  }
});

test("values that others will ask for are decoded once, where that leaves the peak as it is", () => {
  for (const engine of engines) {
    const { device } = engine;
    let decoded = 0;
    height(engine, 2 ** 24);
    const codec = deviceCodec(engine);
    const counting = {
      ...codec,
      decode(parts: Parameters<typeof codec.decode>[0]) {
        decoded += parts.length;
        codec.decode(parts);
      },
    };
    const x = Tensor.from(engine, values, shape, "x");
    const coding = {
      bound: 0.1,
      below: 0.4,
      quantizer: "dithered",
      mode: "auto",
      saving: 0.4,
      seed,
    } as const;
    const frames = new Frames(counting, x, "x", coding, { masked: false });
    const all = taken(frames.range(0, 7));
    decoded = 0;
    for (const first of [0, 2, 4, 6]) {
      const count = Math.min(2, 7 - first);
      assert.deepEqual(
        taken(frames.range(first, count, true)),
        all.slice(first * size, (first + count) * size),
      );
    }
    assert.deepEqual(taken(frames.range(0, 7, true)), all);
    assert.deepEqual(taken(frames.range(3, 2, true)), all.slice(3 * size, 5 * size));
    assert.deepEqual(taken(frames.range(0, 7)), all);
    assert.equal(decoded, 4);
    // At the peak there is no room to keep anything; what is kept goes before it rises.
    device.ledger.resetPeak();
    for (let i = 0; i < 2; i++) taken(frames.range(0, 7, true));
    assert.ok(decoded >= 12);
    x.dispose();
    device.reclaim();
    device.ledger.resetPeak();
    height(engine, 2 ** 22);
    taken(frames.range(0, 7, true));
    const { peakTotal, total } = device.ledger;
    assert.ok(device.ledger.live.activations > 0);
    const more = device.allocate(peakTotal - total + 4096, "workspace", "more");
    assert.equal(device.ledger.peakTotal, peakTotal);
    device.free(more);
    // A pass that ends early, and one that begins again, leave nothing behind.
    height(engine, 2 ** 24);
    for (let i = 0; i < 2; i++) taken(frames.range(0, 2, true));
    frames.free();
    assert.equal(device.ledger.live.activations + device.ledger.live.saved, 0);
  }
});

test("neither a decoder's workspace nor who writes over what is kept raises the peak", () => {
  for (const engine of engines) {
    const { ledger } = engine.device;
    const { workspaceBytes } = deviceCodec(engine);
    const whole = 4 * 7 * size;
    const parts = 4 * 2 * size * (engine.team?.size ?? 1);
    const overwritten = (x: Tensor) => {
      const values = x.data;
      const y = x.recycle("over it");
      y.data.set(values);
      y.dispose();
    };
    const passes: [least: number, pass: (frames: Frames) => void][] = [
      [whole, (frames) => overwritten(frames.range(0, 7, true))],
      [
        Math.min(whole, parts),
        (frames) => {
          for (const first of [0, 2, 4, 6]) overwritten(frames.range(first, Math.min(2, 7 - first), true));
        },
      ],
    ];
    for (const [asked, pass] of passes) {
      const least = asked + workspaceBytes;
      const spares = [0, asked, least, whole, whole + 4096, whole + asked, whole + least, 3 * whole];
      for (const spare of spares) {
        const frames = framesOf(engine, "dithered");
        ledger.resetPeak();
        if (spare > 0) height(engine, spare);
        const { total, peakTotal } = ledger;
        pass(frames);
        assert.ok(
          ledger.peakTotal <= Math.max(peakTotal, total + least),
          `${spare} spare, ${asked} asked for`,
        );
        frames.free();
      }
    }
  }
});

test("where memory is short frames are decoded one by one, and what fails leaves nothing behind", () => {
  const engine = createEngine({ memory: "10MiB", threads: 3 });
  const { device } = engine;
  const frames = framesOf(engine, "dithered");
  const all = taken(frames.range(0, 7));
  /** Leaves free so many bytes in one piece: in a new op blocks may move, and so all free bytes become one piece first. */
  const short = (bytes: number, then: () => void) => {
    device.beginOp("short", 1);
    const wanted = device.freeBytes - bytes;
    const rest = device.fill("workspace", "rest", { wanted }, ([room]) => [room!.bytes - bytes]);
    then();
    for (const block of rest) device.free(block);
  };
  const part = 4 * 2 * size;
  short(part + WasmCodec.scratchBytes + 4096, () => {
    for (const first of [0, 2, 4]) {
      assert.deepEqual(taken(frames.range(first, 2)), all.slice(first * size, (first + 2) * size));
    }
  });
  short(part, () => assert.throws(() => frames.range(0, 2), MemoryError));
  assert.equal(device.ledger.live.activations, 0);
  assert.deepEqual(taken(frames.range(0, 2)), all.slice(0, 2 * size));
  frames.free();
  assert.equal(device.ledger.live.activations + device.ledger.live.saved, 0);
  return engine.close();
});

test("frames above 2 GiB of the device are those below", async () => {
  const engine = createEngine({ memory: "3GiB", threads: 1 });
  try {
    const [low] = engines;
    const expected = taken(framesOf(low!, "dithered").range(0, 7));
    // Pages that nothing touches cost nothing.
    engine.device.allocate(2.25 * 2 ** 30, "workspace", "everything below");
    assert.deepEqual(taken(framesOf(engine, "dithered").range(0, 7)), expected);
  } finally {
    await engine.close();
  }
});

test("in a step with memory to spare few frames are decoded more than once", async () => {
  const dataset = randomImages(16, 32);
  const course = { model: "resnet20", store: "comet", batch: 8, steps: 4, epochs: 2, threads: 1 } as const;
  const test = { ...dataset.test, length: 0, batch() {} };
  const session = createSession({ ...defaults, ...course }, { ...dataset, test });
  const [encoding, decoding] = (["encoding", "decoding"] as const).map((name) =>
    mock.method(WasmCodec.prototype, name),
  );
  const seen: number[] = [];
  await train(session, {
    auditAt: () => {
      height(session.engine, 2 ** 26);
      return false;
    },
    onRecord({ kind }) {
      if (kind !== "step") return;
      seen.push(decoding!.mock.callCount() / encoding!.mock.callCount());
      for (const { mock } of [encoding!, decoding!]) mock.resetCalls();
    },
  });
  await session.close();
  mock.restoreAll();
  // Steps that collect statistics read more. Without the memory of what others will ask for, this is 2.3.
  assert.ok(seen.at(-1)! < 1.5, `${seen}`);
});
