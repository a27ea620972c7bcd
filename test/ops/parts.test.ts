/**
 * Where a store makes saved values image by image, backward passes use them image by image: they have the bits of plain's,
 * and a large tensor is never decoded whole beside its gradient.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createEngine } from "../../src/engine/engine.js";
import { type Packed, Raw } from "../../src/engine/packed.js";
import type { Parameter } from "../../src/engine/parameter.js";
import { PlainStore, type Store } from "../../src/engine/store.js";
import { abandon, apply, backward } from "../../src/engine/tape.js";
import { Tensor } from "../../src/engine/tensor.js";
import { silu } from "../../src/ops/activation.js";
import { planeMeanOp } from "../../src/ops/adaptive.js";
import { squeezeExcitation } from "../../src/ops/excitation.js";
import { crossEntropy } from "../../src/ops/loss.js";
import { batchNorm2d } from "../../src/ops/norm.js";
import { add, flatten } from "../../src/ops/pointwise.js";
import { createRng } from "../../src/rng.js";
import { seed } from "../arbitrary/seed.js";
import { conv2dShape, depthwiseShape, winogradShape } from "../arbitrary/shape.js";

/** Keeps a copy, and gives one image of it at a time. */
class ByImage extends PlainStore {
  override pack(tensor: Tensor): Packed {
    const raw = new Raw(Tensor.from(tensor.engine, tensor.data, tensor.shape, "kept"));
    return {
      kind: "raw",
      bytes: raw.bytes,
      images: 1,
      range: (first, count) => {
        const x = raw.range(first, count);
        const copy = Tensor.from(x.engine, x.data, x.shape, "decoded");
        x.dispose();
        return copy;
      },
      free: () => raw.free(),
    };
  }
}

const [N, C, side] = [6, 4, 32];
const bytes = 4 * N * C * side * side;

type Layers = (x: Tensor, parameter: (name: string, value: number) => Parameter) => Tensor;

/** Batch normalisation and what follows; its input is a sum, so that the gradient is shared if `shared`. */
function run(store: Store, layers: Layers) {
  const engine = createEngine({ memory: "16MiB", store });
  const parameters: Parameter[] = [];
  const parameter = (name: string, value: number): Parameter => {
    const tensor = Tensor.empty(engine, [C], name, "parameters");
    tensor.data.set(Array.from(tensor.data, (_, c) => value + c / 8));
    const made = { name, value: tensor, gradient: null };
    parameters.push(made);
    return made;
  };
  const rng = createRng(seed).fork("parts");
  const images = Tensor.from(
    engine,
    Float32Array.from({ length: bytes / 4 }, () => 2 * rng.uniform() - 1),
    [N, C, side, side],
  );
  const y = layers(images, parameter);
  const mean = apply(planeMeanOp, [y], { input: y.shape, output: [N, C, 1, 1] }, "mean");
  const labels = Tensor.from(engine, new Float32Array(N).fill(1), [N]);
  const loss = crossEntropy(flatten(mean), labels);
  const { ledger } = engine.device;
  ledger.resetPeak();
  const before = ledger.total;
  backward(loss);
  const gradients = parameters.map(({ gradient }) => gradient!.data.slice());
  for (const made of parameters) {
    made.gradient!.dispose();
    made.gradient = null;
  }
  return { gradients, growth: ledger.peakTotal - before };
}

const norm: (
  x: Tensor,
  parameter: (name: string, value: number) => Parameter,
  site: string,
  training?: boolean,
) => Tensor = (x, parameter, site, training = true) => {
  const statistics = (value: number) => {
    const tensor = Tensor.empty(x.engine, [C], site, "parameters");
    tensor.data.fill(value);
    return tensor;
  };
  return batchNorm2d(
    x,
    {
      weight: parameter(`${site}.weight`, 1),
      bias: parameter(`${site}.bias`, 0.1),
      runningMean: statistics(0.1),
      runningVar: statistics(0.5),
      eps: 1e-5,
      momentum: 0.1,
      training,
    },
    site,
  );
};

/** `most`: what the backward pass may add to the saved tensors, in units of a whole tensor. */
const cases: [title: string, layers: Layers, most: number][] = [
  ["normalisation", (x, p) => norm(norm(x, p, "a"), p, "b"), 1.4],
  ["normalisation by running statistics", (x, p) => norm(norm(x, p, "a", false), p, "b"), 1.4],
  ["silu", (x, p) => silu(norm(silu(norm(x, p, "a")), p, "b")), 1.4],
  [
    "excitation",
    (x, p) => {
      const y = norm(x, p, "a");
      const s = apply(planeMeanOp, [y.ref], { input: y.shape, output: [N, C, 1, 1] }, "squeeze");
      return squeezeExcitation(y, s);
    },
    1.4,
  ],
  [
    "a shared gradient",
    (x, p) => {
      const y = norm(x, p, "a");
      return add(norm(y.ref, p, "b"), y);
    },
    2.3,
  ],
];
for (const [title, layers, most] of cases) {
  test(`image by image: ${title}`, () => {
    const [plain, parts] = [run(new PlainStore(), layers), run(new ByImage(), layers)];
    assert.deepEqual(parts.gradients, plain.gradients);
    assert.ok(parts.growth < most * bytes, `${parts.growth / bytes} tensors`);
  });
}

test("ops that save an input overwrite it once it is packed", () => {
  const squeezed = (x: Tensor) =>
    squeezeExcitation(x, Tensor.from(x.engine, new Float32Array(N * C).fill(0.5), [N, C, 1, 1]));
  for (const layer of [silu, squeezed]) {
    const engine = createEngine({ memory: "16MiB", store: new ByImage() });
    const x = Tensor.from(engine, new Float32Array(bytes / 4).fill(1), [N, C, side, side]);
    layer(x).dispose();
    const { activations } = engine.device.ledger.peak;
    // The store's copy is an activation until it counts as saved.
    assert.ok(activations < 2.1 * bytes, `${activations / bytes} tensors`);
    const { total } = engine.device.ledger;
    abandon(engine);
    assert.ok(total - engine.device.ledger.total >= bytes);
  }
});

test("the input gradients of a convolution's images do not depend on each other", () => {
  fc.assert(
    fc.property(fc.oneof(conv2dShape, depthwiseShape, winogradShape), fc.nat(), (shape, salt) => {
      const rng = createRng(seed).fork(`images ${salt}`);
      const engine = createEngine({ memory: "64MiB", kernels: salt % 2 === 0 ? "simd" : "reference" });
      const make = (...extents: number[]) => {
        const tensor = Tensor.empty(engine, extents, "test");
        tensor.data.set(Array.from(tensor.data, () => rng.uniform() - 0.5));
        return tensor;
      };
      const { N, C, H, W, K, R, S, P, Q, groups } = shape;
      const [dy, w] = [make(N, K, P, Q), make(K, C / groups, R, S)];
      const [whole, parts] = [make(N, C, H, W), make(N, C, H, W)];
      engine.kernels.conv2dInputGradient(whole.data, dy.data, w.data, shape);
      for (let n = 0; n < N; n++) {
        const to = parts.data.subarray(n * C * H * W, (n + 1) * C * H * W);
        const from = dy.data.subarray(n * K * P * Q, (n + 1) * K * P * Q);
        engine.kernels.conv2dInputGradient(to, from, w.data, { ...shape, N: 1 });
      }
      assert.deepEqual(parts.data, whole.data);
    }),
    { seed, numRuns: 30 },
  );
});
