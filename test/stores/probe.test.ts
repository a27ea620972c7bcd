/** Probes and audits: what they measure of errors that are known, under stores that predict nothing. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { openDataset } from "../../src/data/open.js";
import type { StoreController } from "../../src/engine/controller.js";
import { type Packed, Raw, type SaveRequest } from "../../src/engine/packed.js";
import { PlainStore, Store } from "../../src/engine/store.js";
import { Tensor } from "../../src/engine/tensor.js";
import { Flatten, Linear, Sequential } from "../../src/nn/index.js";
import { createRng } from "../../src/rng.js";
import { GradientErrors, totalNoise } from "../../src/stores/gradient-error.js";
import { RecomputeStore } from "../../src/stores/recompute.js";
import { train } from "../../src/training/loop.js";
import type { TrainRecord } from "../../src/training/records.js";
import { createSession } from "../../src/training/session.js";
import { seed } from "../arbitrary/seed.js";

const close = (found: number, wanted: number, share = 1e-6) =>
  assert.ok(Math.abs(found - wanted) <= share * Math.abs(wanted), `${found}, not ${wanted}`);

const rowOf = (samples: readonly number[][], gradient = samples[0]!.map(() => 1)) => {
  const errors = new GradientErrors();
  for (const sample of samples) errors.add("w", Float32Array.from(sample), Float32Array.from(gradient));
  return errors.rows()[0]!;
};

test("errors that are the same in all samples are bias, errors that average out are σ", () => {
  const same = rowOf([
    [3, -4, 0],
    [3, -4, 0],
  ]);
  close(same.bias!, Math.sqrt(25 / 3));
  assert.equal(same.sigma, 0);
  close(same.error, same.bias!);
  const opposed = rowOf([
    [3, -4, 0],
    [-3, 4, 0],
  ]);
  assert.equal(opposed.bias, 0);
  // The unbiased variance: n ÷ (n − 1) times the mean square.
  close(opposed.sigma!, Math.sqrt((2 * 25) / 3));
  assert.equal(rowOf([[1, 2]]).bias, null, "one sample tells no bias");
  assert.equal(rowOf([[1, 2]]).sigma, null);
});

test("a bias of a fifth of σ is found among many values, and none is found where there is none", () => {
  const rng = createRng(seed);
  const normal = () => Array.from({ length: 12 }, () => rng.uniform()).reduce((a, b) => a + b, -6);
  const noisy = (bias: number) =>
    rowOf(Array.from({ length: 8 }, () => Array.from({ length: 5000 }, () => bias + normal())));
  // bias² has a standard error of σ²/n·√(2/values) = 2.5e-3, and of 2·bias·σ/√(n·values) = 2e-3 more under a bias. The
  // limits are five of them: false alarm below 1e-6.
  const biased = noisy(0.2);
  assert.ok(Math.abs(biased.bias! ** 2 - 0.04) < 5 * 3.2e-3, `bias ${biased.bias}, seed ${seed}`);
  close(biased.sigma!, 1, 0.03);
  assert.ok(noisy(0).bias! ** 2 < 5 * 2.5e-3, `seed ${seed}`);
});

test("the total noise weighs every value alike, whatever layer it belongs to", () => {
  const errors = new GradientErrors();
  errors.add("large", new Float32Array(99).fill(1), new Float32Array(99).fill(10));
  errors.add("small", new Float32Array(1).fill(5), new Float32Array(1).fill(0));
  close(totalNoise(errors.rows()), Math.sqrt((99 + 25) / 9900));
  assert.equal(totalNoise(rowOf([[0, 0]], [0, 0]) ? [rowOf([[0, 0]], [0, 0])] : []), 0);
});

/** Raw values plus a constant, without a promised bound. */
class Shifted implements Packed {
  readonly kind = "frame";
  readonly bytes: number;
  readonly images: number;
  readonly #values: Raw;
  readonly #by: number;

  constructor(tensor: Tensor, by: number) {
    this.#values = new Raw(tensor.ref);
    this.bytes = this.#values.bytes;
    this.images = this.#values.images;
    this.#by = by;
  }

  range(first: number, count: number): Tensor {
    const part = this.#values.range(first, count);
    const moved = Tensor.from(
      part.engine,
      part.data.map((x) => x + this.#by),
      part.shape,
    );
    part.dispose();
    return moved;
  }

  free(): void {
    this.#values.free();
  }
}

/** Adds `size` to every value that may err; with `alternate` it subtracts it in every other draw. */
class ShiftStore extends Store {
  readonly name = "shift";
  override readonly random: boolean;
  override readonly controller: StoreController | null;
  readonly #size: number;

  constructor(size: number, alternate = false, controller: StoreController | null = null) {
    super();
    this.#size = size;
    this.random = alternate;
    this.controller = controller;
  }

  pack(tensor: Tensor, requests: readonly SaveRequest[]): Packed {
    if (requests.some(({ need }) => need !== "value")) return new Raw(tensor.ref);
    return new Shifted(tensor, this.random && this.draw % 2 === 0 ? -this.#size : this.#size);
  }
}

/** One probed and audited step of a single linear layer: dW = δᵀx, so an error of c in all x makes c·Σδ of dW. */
async function probed(store: Store, draws = 1) {
  const dataset = await openDataset("fashion-mnist");
  const errors = new GradientErrors();
  const records: TrainRecord[] = [];
  const session = createSession(
    { batch: 8, steps: 1, threads: 1, memory: "16MiB", store: "plain", lr: 0, stopAfter: 1 },
    { ...dataset, test: { ...dataset.test, length: 0 } },
    { network: (b) => new Sequential([new Flatten(), new Linear(b, 784, 10)]), store },
  );
  let bias: Float32Array | null = null;
  session.engine.onGradient = (site, dy) => {
    if (site !== "1") return;
    bias = new Float32Array(10);
    dy.data.forEach((value, i) => {
      bias![i % 10]! += value;
    });
  };
  try {
    await train(session, {
      probeAt: () => true,
      auditAt: () => true,
      draws,
      gradientErrors: errors,
      onRecord: (record) => records.push(record),
    });
    assert.equal(session.engine.store, store);
    assert.equal(store.draw, 0);
  } finally {
    await session.close();
    await dataset.close();
  }
  const probe = records.find((record) => record.kind === "probe")!;
  const audit = records.find((record) => record.kind === "audit")!;
  return { rows: probe.rows, layers: errors.rows(), audit, bias: bias! as Float32Array };
}

test("a known error of the saved values is measured in the weight's gradient and nowhere else", async () => {
  const { rows, layers, audit, bias } = await probed(new ShiftStore(0.25));
  assert.deepEqual(
    rows.map(({ parameter, predicted, bound, own }) => [parameter, predicted, bound, own]),
    [
      ["1.weight", null, null, null],
      ["1.bias", null, null, null],
    ],
  );
  const wanted = 0.25 * Math.sqrt(bias.reduce((sum, value) => sum + value * value, 0) / 10);
  close(rows[0]!.measured, wanted, 1e-3);
  assert.equal(rows[1]!.measured, 0);
  close(layers[0]!.error, rows[0]!.measured);
  assert.deepEqual(rows[0]!.standardized, []);
  assert.equal(audit.frames, 0, "nothing is under a bound");
  assert.equal(audit.unbounded, 1);
  close(audit.largest!, 0.25, 1e-6);
});

test("the draws of a store that errs at random are samples of one batch: what they have in common is bias", async () => {
  const { layers } = await probed(new ShiftStore(0.25, true), 6);
  const [weight] = layers;
  assert.equal(weight!.samples, 6);
  assert.equal(weight!.bias, 0);
  close(weight!.sigma!, weight!.error * Math.sqrt(6 / 5), 1e-3);
});

test("exact stores have no error in any parameter, and nothing to audit", async () => {
  for (const store of [new PlainStore(), new RecomputeStore()]) {
    const { rows, audit } = await probed(store);
    assert.deepEqual(
      rows.map(({ measured }) => measured),
      [0, 0],
    );
    assert.deepEqual([audit.frames, audit.unbounded, audit.largest], [0, 0, 0]);
  }
});

test("a controller that predicts nothing does not see the passes of a probe", async () => {
  let ends = 0;
  const observer = {
    visit: () => null,
    end: () => {
      ends++;
    },
  };
  await probed(new ShiftStore(0.1, true, { observer }), 3);
  assert.equal(ends, 1, "one backward pass of training");
});
