/** Max pooling before the ReLU: the same values and gradients, and fewer bytes. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createEngine } from "../../src/engine/engine.js";
import type { Packed, SaveRequest } from "../../src/engine/packed.js";
import type { Keeps } from "../../src/engine/plan.js";
import { PlainStore } from "../../src/engine/store.js";
import { backward } from "../../src/engine/tape.js";
import { Tensor } from "../../src/engine/tensor.js";
import { BatchNorm2d, build, Conv2d, MaxPool2d, name, ReLU, Sequential } from "../../src/nn/index.js";
import { crossEntropy } from "../../src/ops/loss.js";
import { add, flatten } from "../../src/ops/pointwise.js";
import { createRng } from "../../src/rng.js";
import { seed } from "../arbitrary/seed.js";

/** Which tensors were said to have no gradient below zero. */
class Told extends PlainStore {
  override readonly keeps: Keeps;
  readonly gated = new Set<string>();

  constructor(keeps: Keeps) {
    super();
    this.keeps = keeps;
  }

  override pack(tensor: Tensor, requests: readonly SaveRequest[] = [], gated = false): Packed {
    if (gated) this.gated.add(requests[0]!.site.name);
    return super.pack(tensor);
  }
}

const images = 2;
const values = (() => {
  const rng = createRng(seed);
  return Float32Array.from({ length: images * 3 * 81 }, () => rng.uniform() - 0.5);
})();

/** One step of a small network: what was saved, what flowed, and the weights' gradients. */
function step(keeps: "all" | "last") {
  const store = new Told(keeps);
  const engine = createEngine({ memory: "8MiB", threads: 1, store });
  const b = build(engine, seed);
  const network = name(
    new Sequential({
      conv: new Conv2d(b, 3, 4, 3),
      norm: new BatchNorm2d(b, 4),
      relu: new ReLU(),
      pool: new MaxPool2d({ kernel: 3, stride: 2, padding: 1 }),
      last: new Conv2d(b, 4, 1, 2),
    }),
  );
  const sites: string[] = [];
  const outputs = new Map<string, Float32Array>();
  const incoming = new Map<string, Float32Array>();
  const pass = () => {
    const y = flatten(network.forward(Tensor.from(engine, values, [images, 3, 9, 9])));
    const saved = engine.device.ledger.live.saved;
    backward(crossEntropy(y, Tensor.from(engine, [0, 1], [images])));
    return saved;
  };
  // The second pass is planned.
  pass();
  store.gated.clear();
  for (const parameter of network.allParameters()) {
    parameter.gradient?.dispose();
    parameter.gradient = null;
  }
  engine.onOutput = (site, y) => {
    sites.push(site);
    outputs.set(site, y.data.slice());
  };
  engine.onGradient = (site, dy) => incoming.set(site, dy.data.slice());
  const saved = pass();
  const gradients = [...network.allParameters()].map(({ gradient }) => gradient!.data.slice());
  return { sites, outputs, incoming, gradients, saved, gated: store.gated };
}

test("a store that makes tensors from others pools before the ReLU: same gradients, fewer bytes", () => {
  const [plain, last] = [step("all"), step("last")];
  assert.deepEqual(plain.sites.slice(0, 4), ["conv", "norm", "relu", "pool"]);
  assert.deepEqual(last.sites.slice(0, 4), ["conv", "norm", "pool", "relu"]);
  assert.deepEqual(last.outputs.get("relu"), plain.outputs.get("pool"));
  assert.ok(last.saved < plain.saved);
  // The bias before a normalisation has a gradient of 0, but for rounding.
  const largest = Math.max(...plain.gradients.flatMap((gradient) => [...gradient].map(Math.abs)));
  last.gradients.forEach((gradient, i) => {
    gradient.forEach((g, k) => {
      assert.ok(Math.abs(g - plain.gradients[i]![k]!) <= 1e-5 * largest, `gradient ${i}, value ${k}`);
    });
  });
});

test("what is pooled for a ReLU alone is told to have no gradient below zero, and has none", () => {
  const { outputs, incoming, gated } = step("last");
  assert.deepEqual([...gated], ["norm.y"]);
  const [y, dy] = [outputs.get("norm")!, incoming.get("norm")!];
  assert.ok(dy.some((d) => d !== 0));
  assert.ok(y.some((value) => value < 0));
  y.forEach((value, i) => {
    if (value <= 0) assert.equal(Math.abs(dy[i]!), 0, `value ${i}`);
  });
});

test("layers with a forward of their own are applied as they stand", () => {
  /** Twice a convolution. */
  class Doubled extends Conv2d {
    override forward(x: Tensor): Tensor {
      const y = super.forward(x);
      return add(y.ref, y);
    }
  }
  /** Three times a ReLU, by three ops. */
  class Tripled extends ReLU {
    override forward(x: Tensor): Tensor {
      const y = x.ref;
      return add(super.forward(x), super.forward(add(y.ref, y)));
    }
  }
  const outputs = (keeps: "all" | "last") => {
    const engine = createEngine({ memory: "8MiB", threads: 1, store: new Told(keeps) });
    const b = build(engine, seed);
    const sites: string[] = [];
    engine.onOutput = (site) => sites.push(site);
    const network = name(
      new Sequential({
        doubled: new Doubled(b, 3, 4, 3),
        pool: new MaxPool2d({ kernel: 2 }),
        conv: new Conv2d(b, 4, 2, 1),
        tripled: new Tripled(),
        again: new MaxPool2d({ kernel: 2 }),
      }),
    );
    const y = network.forward(Tensor.from(engine, values, [images, 3, 9, 9]));
    return { values: y.data.slice(), sites };
  };
  assert.deepEqual(outputs("last"), outputs("all"));
});

test("behind a convolution, pooling first changes no bit of the gradients", () => {
  const gradients = (keeps: Keeps) => {
    const engine = createEngine({ memory: "32MiB", threads: 1, store: new Told(keeps) });
    const b = build(engine, seed);
    const [size, left] = [71, 35];
    const network = name(
      new Sequential({
        conv: new Conv2d(b, 3, 8, 3, { padding: 1 }),
        relu: new ReLU(),
        pool: new MaxPool2d({ kernel: 3, stride: 2 }),
        last: new Conv2d(b, 8, 2, left),
      }),
    );
    const rng = createRng(seed);
    const pixels = Float32Array.from({ length: 5 * 3 * size * size }, () => rng.uniform() - 0.5);
    for (let pass = 0; pass < 2; pass++) {
      const y = flatten(network.forward(Tensor.from(engine, pixels, [5, 3, size, size])));
      backward(crossEntropy(y, Tensor.from(engine, [0, 1, 0, 1, 1], [5])));
    }
    return [...network.allParameters()].map(({ gradient }) => gradient!.data.slice());
  };
  const plain = gradients("all");
  for (const keeps of ["first", "last"] as const) assert.deepEqual(gradients(keeps), plain);
});
