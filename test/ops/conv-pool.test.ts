/** A convolution and its pooling as one op: the bits of the two ops, in less memory. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createEngine } from "../../src/engine/engine.js";
import type { Observation } from "../../src/engine/noise.js";
import { type Packed, Raw } from "../../src/engine/packed.js";
import type { Parameter } from "../../src/engine/parameter.js";
import { PlainStore, type Store } from "../../src/engine/store.js";
import { backward } from "../../src/engine/tape.js";
import { sizeOf, Tensor } from "../../src/engine/tensor.js";
import { MemoryError, ShapeError } from "../../src/error.js";
import type { Conv2dShape } from "../../src/kernels/kernels.js";
import { NoisePass } from "../../src/noise/pass.js";
import { conv2d, linear } from "../../src/ops/conv.js";
import { conv2dPool } from "../../src/ops/conv-pool.js";
import { crossEntropy } from "../../src/ops/loss.js";
import { add, flatten } from "../../src/ops/pointwise.js";
import { maxPool2d, type PoolOptions } from "../../src/ops/pool.js";
import { createRng } from "../../src/rng.js";
import { seed } from "../arbitrary/seed.js";
import { conv2dShape, depthwiseShape, winogradShape } from "../arbitrary/shape.js";

/** Gives the values of one image at a time. */
class ByImage extends PlainStore {
  override pack(tensor: Tensor): Packed {
    const raw = new Raw(tensor.ref);
    return {
      kind: "raw",
      bytes: raw.bytes,
      images: 1,
      range: (first, count) => {
        const x = tensor.data.subarray((first * tensor.size) / tensor.shape[0]!);
        const shape = [count, ...tensor.shape.slice(1)];
        return Tensor.from(tensor.engine, x.subarray(0, sizeOf(shape)), shape, "one image");
      },
      free: () => raw.free(),
    };
  }
}

interface Case {
  shape: Conv2dShape;
  pool: PoolOptions;
  bias: boolean;
  /** Whether another op reads the input too. */
  twice?: boolean;
  kernels: "simd" | "reference";
}

interface How {
  form: "one" | "two";
  store: Store;
  memory: string;
}

/** One step of two convolutions, of which the second is pooled: all that it computes, and what the noise law finds. */
function step({ shape, pool, bias, kernels, twice = false }: Case, { form, store, memory }: How) {
  const engine = createEngine({ memory, store, kernels, threads: 1 });
  const rng = createRng(seed).fork("convolution and pooling");
  const values = (extents: readonly number[], category: "parameters" | "activations") => {
    const tensor = Tensor.empty(engine, extents, "values", category);
    tensor.data.set(tensor.data.map(() => rng.uniform() - 0.5));
    return tensor;
  };
  const parameter = (name: string, extents: readonly number[]): Parameter => ({
    name,
    value: values(extents, "parameters"),
    gradient: null,
  });
  const { N, C, H, W, K, R, S, stride, padding, groups } = shape;
  const first = parameter("first", [C, 1, 1, 1]);
  const weight = parameter("weight", [K, C / groups, R, S]);
  const added = bias ? parameter("bias", [K]) : null;
  const found: { name: string; observation: Omit<Observation, "arrived"> }[] = [];
  engine.observer = new NoisePass({
    collecting: true,
    record: ({ name }, observation) => found.push({ name, observation }),
  });
  const x = conv2d(values([N, 1, H, W], "activations"), first, null, {}, "first");
  const options = { stride, padding, groups };
  const input = twice ? x.ref : x;
  const pooled =
    form === "one"
      ? conv2dPool(input, weight, added, options, pool, "c", "pool")
      : maxPool2d(conv2d(input, weight, added, options, "c"), pool, "pool");
  const output = pooled.data.slice();
  const y = twice ? add(pooled, maxPool2d(x, pool, "second use")) : pooled;
  // Every value of y has a gradient of its own.
  const last = parameter("last", [2, y.size / N]);
  const labels = Tensor.from(engine, new Float32Array(N), [N]);
  backward(crossEntropy(linear(flatten(y), last), labels));
  const gradients = [first, weight, added, last].map((p) => p?.gradient?.data.slice());
  return { output, gradients, found };
}

const pooling: fc.Arbitrary<PoolOptions> = fc
  .record({
    kernel: fc.integer({ min: 1, max: 3 }),
    stride: fc.integer({ min: 1, max: 3 }),
    padding: fc.nat(1),
    ceil: fc.boolean(),
  })
  .map((options) => ({ ...options, padding: Math.min(options.padding, options.kernel >> 1) }));

test("one op has the bits of a convolution and a pooling, in values, gradients and the noise law's terms", () => {
  let compared = 0;
  fc.assert(
    fc.property(
      fc.oneof(conv2dShape, depthwiseShape, winogradShape),
      pooling,
      fc.boolean(),
      fc.constantFrom("simd" as const, "reference" as const),
      (shape, pool, bias, kernels) => {
        fc.pre(shape.N > 0 && Math.min(shape.P, shape.Q) >= pool.kernel);
        const one = { shape, pool, bias, kernels };
        const memory = "64MiB";
        const two = step(one, { form: "two", store: new PlainStore(), memory });
        for (const store of [new PlainStore(), new ByImage()]) {
          const merged = step(one, { form: "one", store, memory });
          assert.deepEqual(merged.output, two.output);
          assert.deepEqual(merged.gradients, two.gradients);
        }
        // The law takes one part after the other, so it is compared with the same parts.
        const parts = step(one, { form: "two", store: new ByImage(), memory });
        assert.deepEqual(step(one, { form: "one", store: new ByImage(), memory }).found, parts.found);
        compared++;
      },
    ),
    { seed, numRuns: 40 },
  );
  assert.ok(compared >= 40);
});

/** Convolutions of 3 × 3 with a quarter of a MiB of output for each of K channels of an image. */
const large = (N: number, C: number, K: number): Pick<Case, "shape" | "kernels"> => {
  const extents = { H: 256, W: 256, P: 256, Q: 256 };
  return { shape: { N, C, K, ...extents, R: 3, S: 3, stride: 1, padding: 1, groups: 1 }, kernels: "simd" };
};

test("the convolution's output is never whole in memory, nor its gradient", () => {
  // One image at a time, and two of seven: the last slice has fewer.
  for (const { N, K, memory, short } of [
    { N: 6, K: 16, memory: "16MiB", short: "24MiB" },
    { N: 7, K: 6, memory: "11MiB", short: "12MiB" },
  ]) {
    const one = { ...large(N, 1, K), pool: { kernel: 4 }, bias: true };
    const two = step(one, { form: "two", store: new PlainStore(), memory: "128MiB" });
    for (const store of [new PlainStore(), new ByImage()]) {
      const merged = step(one, { form: "one", store, memory });
      assert.deepEqual(merged.output, two.output);
      assert.deepEqual(merged.gradients, two.gradients);
    }
    const tight = () => step(one, { form: "two", store: new PlainStore(), memory: short });
    assert.throws(tight, MemoryError);
  }
});

test("the gradient of an input with a second use is added image by image", () => {
  // The input has 4 MiB an image too, so each image of its gradient is added by itself.
  const one = { ...large(3, 16, 16), pool: { kernel: 2 }, bias: false, twice: true };
  const [two, merged] = (["two", "one"] as const).map((form) =>
    step(one, { form, store: new PlainStore(), memory: "128MiB" }),
  );
  assert.deepEqual(merged!.gradients, two!.gradients);
});

test("a window that does not fit is an error of the pooling, as it is of the op alone", () => {
  const kernels = "reference" as const;
  const extents = { N: 2, C: 1, H: 3, W: 3, K: 1, R: 1, S: 1, P: 3, Q: 3, stride: 1, padding: 0, groups: 1 };
  const one = { shape: extents, pool: { kernel: 5 }, bias: false, kernels };
  const messages = (["one", "two"] as const).map((form) => {
    try {
      step(one, { form, store: new PlainStore(), memory: "1MiB" });
    } catch (error) {
      assert.ok(error instanceof ShapeError);
      return error.message;
    }
    throw new Error("it was no error");
  });
  assert.match(messages[0]!, /^pool: /);
  assert.equal(messages[0], messages[1]);
});
