/** An op that makes δ may pass over the saved values for the op below as well. */
import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { createEngine } from "../../src/engine/engine.js";
import { type Packed, Raw, type SaveRequest } from "../../src/engine/packed.js";
import { PlainStore } from "../../src/engine/store.js";
import { assertNothingLeaks, backward } from "../../src/engine/tape.js";
import { Tensor } from "../../src/engine/tensor.js";
import { BatchNorm2d, build, Conv2d, type Module, name, Sequential } from "../../src/nn/index.js";
import { silu } from "../../src/ops/activation.js";
import { crossEntropy } from "../../src/ops/loss.js";
import { add, flatten } from "../../src/ops/pointwise.js";
import { createRng } from "../../src/rng.js";
import { seed } from "../arbitrary/seed.js";

const [images, channels, side] = [5, 4, 16];

/** Gives a copy of one image at a time, and counts the images that it gives of the normalisation's output. */
class Counting extends PlainStore {
  override readonly keeps = "last";
  given = 0;

  override pack(tensor: Tensor, requests: readonly SaveRequest[] = []): Packed {
    const raw = new Raw(Tensor.from(tensor.engine, tensor.data, tensor.shape, "kept"));
    const counted = requests[0]?.site.name === "norm.y";
    return {
      kind: "raw",
      bytes: raw.bytes,
      images: 1,
      range: (first, count) => {
        if (counted) this.given += count;
        const x = raw.range(first, count);
        const copy = Tensor.from(x.engine, x.data, x.shape, "decoded");
        x.dispose();
        return copy;
      },
      free: () => raw.free(),
    };
  }
}

/**
 * `shared`: a convolution reads the normalisation's output as well. `roomy`: whether tensors fit below the peak. `questions`:
 * after so many questions in a pass whether they do, memory is short all the same.
 */
function pass(
  store: PlainStore,
  { shared = false, roomy = false, questions = Number.POSITIVE_INFINITY } = {},
) {
  const engine = createEngine({ memory: "32MiB", threads: 1, store });
  let asked = 0;
  mock.method(engine.device, "fitsBelowPeak", () => roomy && asked++ < questions);
  const b = build(engine, seed);
  const layers = name(
    new Sequential({
      first: new Conv2d(b, 1, channels, 3),
      norm: new BatchNorm2d(b, channels),
      other: new Conv2d(b, channels, channels, 1),
      last: new Conv2d(b, channels, channels, 1),
    }),
  );
  const { first, norm, other, last } = layers.children as Record<"first" | "norm" | "other" | "last", Module>;
  const rng = createRng(seed);
  const values = Float32Array.from({ length: images * side * side }, () => rng.uniform() - 0.5);
  const step = () => {
    asked = 0;
    const z = norm.forward(first.forward(Tensor.from(engine, values, [images, 1, side, side])));
    const beside = shared ? other.forward(z.ref) : null;
    const above = last.forward(silu(z, "silu"));
    const y = beside ? add(beside, above, "sum") : above;
    const loss = crossEntropy(flatten(y), Tensor.from(engine, new Float32Array(images), [images]));
    backward(loss);
    const gradients = [...layers.allParameters()].flatMap((parameter) => {
      const gradient = parameter.gradient?.data.slice();
      parameter.gradient?.dispose();
      parameter.gradient = null;
      return gradient ? [gradient] : [];
    });
    assertNothingLeaks(engine);
    return gradients;
  };
  // The second pass is planned.
  step();
  if (store instanceof Counting) store.given = 0;
  return step();
}

test("where memory is short, SiLU's pass is the normalisation's first one too", () => {
  const short = new Counting();
  const gradients = pass(short);
  // The convolution, SiLU, and the normalisation once.
  assert.equal(short.given, 3 * images);
  const roomy = new Counting();
  assert.deepEqual(pass(roomy, { roomy: true }), gradients);
  assert.equal(roomy.given, 3 * images);
});

test("it counts for nothing where another op adds to the gradient afterwards", () => {
  const gradients = pass(new Counting(), { shared: true });
  assert.deepEqual(pass(new Counting(), { shared: true, roomy: true }), gradients);
});

test("it is the whole pass or none, also where memory grows short in the middle", () => {
  const gradients = pass(new Counting());
  for (let questions = 0; questions < 12; questions++) {
    assert.deepEqual(pass(new Counting(), { roomy: true, questions }), gradients, `${questions} questions`);
  }
});
