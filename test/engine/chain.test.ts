/** What is made again instead of kept: the same bits, from fewer bytes, and nothing packed before all claims are known. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Derived } from "../../src/engine/derived.js";
import { createEngine } from "../../src/engine/engine.js";
import type { Packed, SaveRequest } from "../../src/engine/packed.js";
import { rehearse } from "../../src/engine/rehearsal.js";
import { SavedTensor } from "../../src/engine/saved.js";
import { PlainStore, type Store } from "../../src/engine/store.js";
import { assertNothingLeaks, backward, type Engine } from "../../src/engine/tape.js";
import { Tensor } from "../../src/engine/tensor.js";
import { createModel } from "../../src/models/models.js";
import { build } from "../../src/nn/index.js";
import { crossEntropy } from "../../src/ops/loss.js";
import { createRng } from "../../src/rng.js";
import { RecomputeStore } from "../../src/stores/recompute.js";
import { seed } from "../arbitrary/seed.js";

/** Keeps the last of each chain, as it is, and notes who claimed it. */
class LastStore extends PlainStore {
  override readonly keeps = "last";
  readonly packs: string[] = [];

  override pack(tensor: Tensor, claimants: readonly SaveRequest[] = []): Packed {
    const marks = ({ site, positive, share }: SaveRequest) =>
      `${site.name}${positive ? "+" : ""}${share < 1 ? "~" : ""}`;
    this.packs.push(claimants.map(marks).join(" "));
    return super.pack(tensor);
  }
}

interface Stepped {
  engine: Engine;
  savedBytes: number;
  gradients: Map<string, Float32Array>;
}

/** One step on random images, square, `size` wide. */
function step(store: Store, model = "resnet20", size = 16): Stepped {
  const engine = createEngine({ memory: "512MiB", store });
  const input = { channels: 3, height: size, width: size, classes: 10 };
  const network = createModel(model, build(engine, seed), input);
  const rng = createRng(seed);
  const images = Tensor.from(
    engine,
    Float32Array.from({ length: 6 * 3 * size * size }, () => 2 * rng.uniform() - 1),
    [6, 3, size, size],
  );
  const forward = () =>
    crossEntropy(network.forward(images.ref), Tensor.from(engine, [0, 1, 2, 3, 4, 5], [6]));
  rehearse(engine, forward);
  const loss = forward();
  images.dispose();
  const savedBytes = engine.device.ledger.live.saved;
  backward(loss);
  const gradients = new Map<string, Float32Array>();
  for (const parameter of network.allParameters()) {
    gradients.set(parameter.name, parameter.gradient!.data.slice());
    parameter.gradient!.dispose();
  }
  assertNothingLeaks(engine);
  return { engine, savedBytes, gradients };
}

test("the recompute store gives the plain store's bits from half its bytes", () => {
  const [plain, recompute] = [step(new PlainStore()), step(new RecomputeStore())];
  assert.deepEqual(recompute.gradients, plain.gradients);
  const ratio = plain.savedBytes / recompute.savedBytes;
  assert.ok(ratio > 1.9 && ratio < 2.1, `plain ÷ recompute ${ratio}`);
});

test("so it does where depthwise convolutions, SiLU, squeeze-and-excitation and stochastic depth are", () => {
  const [plain, recompute] = [
    step(new PlainStore(), "efficientnet_b0", 64),
    step(new RecomputeStore(), "efficientnet_b0", 64),
  ];
  assert.deepEqual(recompute.gradients, plain.gradients);
  const ratio = plain.savedBytes / recompute.savedBytes;
  assert.ok(ratio > 2.5, `plain ÷ recompute ${ratio}`);
});

test("keeping the last of each chain gives plain's gradients up to rounding, from half its bytes", () => {
  const [plain, last] = [step(new PlainStore()), step(new LastStore())];
  for (const [name, exact] of plain.gradients) {
    const found = last.gradients.get(name)!;
    const largest = exact.reduce((most, g) => Math.max(most, Math.abs(g)), 0);
    exact.forEach((g, i) => {
      assert.ok(Math.abs(g - found[i]!) < 1e-4 * largest, `${name}[${i}]: ${found[i]}, plainly ${g}`);
    });
  }
  const ratio = plain.savedBytes / last.savedBytes;
  assert.ok(ratio > 1.9 && ratio < 2.1, `plain ÷ last ${ratio}`);
});

test("a sum's input that is recovered some images at a time is the same", () => {
  // An image of the first stage has 256 KiB, and parts have at most 512 KiB.
  const [plain, last] = [step(new PlainStore(), "resnet8", 64), step(new LastStore(), "resnet8", 64)];
  for (const [name, exact] of plain.gradients) {
    const largest = exact.reduce((most, g) => Math.max(most, Math.abs(g)), 0);
    const worst = exact.reduce(
      (most, g, i) => Math.max(most, Math.abs(g - last.gradients.get(name)![i]!)),
      0,
    );
    assert.ok(worst < 1e-3 * largest, `${name}: ${worst} of ${largest}`);
  }
});

test("one tensor hears every claim on what is made from it before it is packed", () => {
  const store = new LastStore();
  step(store, "resnet8");
  assert.ok(
    store.packs.includes("layer1.0.bn1.y layer1.0.relu1.y+ layer1.0.conv2.x+"),
    store.packs.join("; "),
  );
  // The sum of a block: its own bn2 is recovered from it, and the next block's ReLU and convolution are made from it.
  assert.ok(store.packs.includes("layer1.0.bn2.y~ layer1.0.relu.y+ layer2.0.conv1.x+ layer2.0.bn2.y+~"));
});

/** Counts the images that each kept tensor gives. */
class CountingStore extends LastStore {
  readonly given = new Map<string, number>();

  override pack(tensor: Tensor, claimants: readonly SaveRequest[]): Packed {
    const packed = super.pack(tensor, claimants);
    const name = this.packs.at(-1)!;
    const range = packed.range.bind(packed);
    return Object.assign(packed, {
      range: (first: number, count: number) => {
        this.given.set(name, (this.given.get(name) ?? 0) + count);
        return range(first, count);
      },
    });
  }
}

test("a gate has its support from what a convolution made again before it", () => {
  const store = new CountingStore();
  step(store, "resnet8");
  // Six images for the normalisation and six for the convolution; the ReLU between them asks for none.
  assert.equal(store.given.get("layer1.0.bn1.y layer1.0.relu1.y+ layer1.0.conv2.x+"), 12);
});

/** A recipe that makes x itself, and is asked to gate. */
function derived(engine: Engine, gates: number, images: number, each: number) {
  const rng = createRng(seed);
  const values = Float32Array.from({ length: images * each }, () => Math.max(0, rng.uniform() - 0.5));
  const shape = [images, each];
  const packer = { pack: assert.fail, derive: assert.fail, repack: assert.fail, signsOf: () => null };
  const saved = new SavedTensor(packer, engine, shape, "relu", null);
  const site = { name: "relu", op: "relu", parameter: null };
  const claim = { site, need: "support", share: 1, positive: false, derived: false } as const;
  saved.requests.push(...Array.from({ length: gates }, () => claim));
  let made = 0;
  saved.packed = new Derived(saved, {
    sources: [],
    sum: false,
    make(first, count) {
      made += count;
      return Tensor.from(engine, values.subarray(first * each, (first + count) * each), [count, each]);
    },
  });
  const gated = () => {
    const dy = Tensor.from(engine, new Float32Array(values.length).fill(3), shape);
    const dx = saved.gate(dy);
    assert.ok(dx.data.every((value, i) => value === (values[i]! > 0 ? 3 : 0)));
    dx.dispose();
  };
  return { saved, gated, made: () => made };
}

test("a gate needs no values where all images have been made in order before, and is right in any case", () => {
  const engine = createEngine({ memory: "1MiB" });
  const live = () => engine.device.ledger.live.workspace;
  const before = live();
  const each = 37;
  for (const [parts, needed] of [
    [
      [
        [0, 2],
        [2, 3],
      ],
      0,
    ],
    [
      [
        [0, 2],
        [0, 2],
        [2, 3],
      ],
      0,
    ],
    [[[0, 2]], 5],
    [[], 5],
    [
      [
        [3, 2],
        [0, 5],
      ],
      5,
    ],
    [
      [
        [0, 1],
        [3, 2],
      ],
      5,
    ],
  ] as const) {
    const { saved, gated, made } = derived(engine, 2, 5, each);
    for (const [first, count] of parts) saved.range(first, count).dispose();
    const made0 = made();
    gated();
    assert.equal(made() - made0, needed, `${parts}`);
    gated();
    saved.packed!.free();
    assert.equal(live(), before);
  }
});
