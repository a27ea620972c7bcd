/**
 * A convolution and the max pooling of its output, some images at a time.
 *
 *   x ─► convolution ─► c ─► pooling ─► y          c has several values for each of y
 *        └──── a few images of c ────┘
 *
 * The two ops one after the other hold all of c, and all of its gradient. Here only a few images of them are ever in memory.
 * All values and gradients have the bits of the two ops: images do not depend on each other, and sums over images are taken
 * in the same order.
 */
import type { Backward, GradientWriter, Op } from "../engine/op.js";
import type { Parameter } from "../engine/parameter.js";
import { apply } from "../engine/tape.js";
import type { Tensor } from "../engine/tensor.js";
import type { Conv2dShape, PoolShape } from "../kernels/kernels.js";
import { convolutionNoise } from "../noise/conv.js";
import { type Conv2dAttributes, type Conv2dOptions, conv2dAttributes, parameters } from "./conv.js";
import { indexBits, type PoolOptions, poolShape } from "./pool.js";

interface Attributes extends Conv2dAttributes {
  /** The pooling of one image. */
  pool: PoolShape;
}

/** The bytes of the convolution's output that are made at a time: so many that a kernel's preparations are little beside its work. */
const sliceBytes = 2 ** 22;

/** The number of images whose output of the convolution is made at a time. */
const atOnce = ({ K, P, Q }: Conv2dShape): number => Math.max(1, Math.floor(sliceBytes / (4 * K * P * Q)));

/** The images [0, images) in slices. */
function* slices(shape: Conv2dShape, images: number): Iterable<{ first: number; count: number }> {
  const most = atOnce(shape);
  for (let first = 0; first < images; first += most) yield { first, count: Math.min(most, images - first) };
}

/** The values of one image of the output, and the bytes of their places in their windows. */
function pooledImage({ planes, P, Q, ...pool }: PoolShape): { size: number; indexBytes: number } {
  const size = planes * P * Q;
  return { size, indexBytes: Math.ceil((size * indexBits(pool)) / 8) };
}

/** A view of some images of an array that holds `size` values of each. */
const cut = <Values extends Float32Array | Uint8Array>(
  values: Values,
  size: number,
  first: number,
  count: number,
): Values => values.subarray(first * size, (first + count) * size) as Values;

/** The gradient of images [first, first + count) of the convolution's output. The caller disposes of it. */
function gradientBeforePool(
  run: Pick<Backward, "engine" | "site" | "empty" | "bits">,
  dy: Float32Array,
  { shape, pool }: Attributes,
  first: number,
  count: number,
): Tensor {
  const { kernels, device } = run.engine;
  const { size, indexBytes } = pooledImage(pool);
  const delta = run.empty([count, shape.K, shape.P, shape.Q]);
  const places = device.allocate(count * size, "gradients", run.site);
  const index = run.bits("index");
  for (let i = 0; i < count; i++) {
    const bits = cut(index, indexBytes, first + i, 1);
    kernels.unpackBits(cut(device.u8(places), size, i, 1), bits, indexBits(pool));
  }
  const incoming = cut(dy, size, first, count);
  kernels.maxPoolBackward(delta.data, incoming, device.u8(places), { ...pool, planes: count * shape.K });
  device.free(places);
  return delta;
}

export const conv2dPoolOp: Op<Attributes> = {
  // For a store it is a convolution: that is what the saved values serve.
  name: "conv2d",
  saves: { x: "value", index: "bits" },
  noise: convolutionNoise<Attributes>({ of: gradientBeforePool, most: ({ shape }) => atOnce(shape) }),
  parameter: ({ weight }) => weight,
  parameters,
  work: ({ shape: { C, K, R, S, P, Q, groups } }) => (K * P * Q * C * R * S) / groups,
  forward(run, [x], { shape, weight, bias, pool }) {
    const { kernels, device } = run.engine;
    const { size, indexBytes } = pooledImage(pool);
    const y = run.empty([shape.N, shape.K, pool.P, pool.Q]);
    const index = device.allocate(run.recording ? shape.N * indexBytes : 1, "activations", run.site, "high");
    const inputs = shape.C * shape.H * shape.W;
    for (const { first, count } of slices(shape, shape.N)) {
      const c = run.empty([count, shape.K, shape.P, shape.Q]);
      const images = cut(x!.data, inputs, first, count);
      kernels.conv2dForward(c.data, images, weight.value.data, bias?.value.data ?? null, {
        ...shape,
        N: count,
      });
      const places = device.allocate(count * size, "activations", run.site);
      const to = cut(y.data, size, first, count);
      kernels.maxPool(to, device.u8(places), c.data, { ...pool, planes: count * shape.K });
      for (let i = 0; run.recording && i < count; i++) {
        const bits = cut(device.u8(index), indexBytes, first + i, 1);
        kernels.packBits(bits, cut(device.u8(places), size, i, 1), indexBits(pool));
      }
      device.free(places);
      c.dispose();
    }
    return { y, saved: { x: x!, index } };
  },
  backward(run, dy, attributes) {
    const { kernels } = run.engine;
    const { shape, weight, bias } = attributes;
    const { N, C, H, W, K, P, Q } = shape;
    const dw = run.empty(weight.value.shape);
    const sums = new Float64Array(K);
    let before = 0;
    for (const x of run.takeParts("x")) {
      for (const { first, count } of slices(shape, x.shape[0]!)) {
        const delta = gradientBeforePool(run, dy.data, attributes, before + first, count);
        const images = cut(x.data, C * H * W, first, count);
        kernels.conv2dWeightGradient(dw.data, delta.data, images, { ...shape, N: count }, before + first > 0);
        if (bias) addPlaneSums(run, sums, delta, P * Q);
        delta.dispose();
      }
      before += x.shape[0]!;
      x.dispose();
    }
    run.accumulate(weight, dw);
    if (bias) accumulateSums(run, bias, sums);
    const write: GradientWriter = (dx, from, images) => {
      for (const { first, count } of slices(shape, images)) {
        const delta = gradientBeforePool(run, dy.data, attributes, from + first, count);
        const to = cut(dx, C * H * W, first, count);
        kernels.conv2dInputGradient(to, delta.data, weight.value.data, { ...shape, N: count });
        delta.dispose();
      }
    };
    const dx = run.wants(0) ? run.contribute(0, [N, C, H, W], write) : null;
    dy.dispose();
    return [dx];
  },
};

/** Adds the sum of each plane to that of its channel, in binary64 and in the order of the images, as `biasGradient` does. */
function addPlaneSums({ engine, empty }: Backward, sums: Float64Array, delta: Tensor, size: number): void {
  const K = sums.length;
  const zero = empty([K]);
  engine.kernels.fill(zero.data, 0);
  const shape = { N: delta.size / (K * size), C: K, size };
  // Σδ and Σδ·x̂ of each plane, of which the second is not needed.
  const found = engine.kernels.batchNormSums(delta.data, delta.data, zero.data, zero.data, shape);
  for (let plane = 0; 2 * plane < found.length; plane++) sums[plane % K]! += found[2 * plane]!;
  zero.dispose();
}

function accumulateSums(run: Backward, bias: Parameter, sums: Float64Array): void {
  const db = run.empty([sums.length]);
  db.data.set(sums);
  run.accumulate(bias, db);
}

/** As `conv2d` at `site`, then `maxPool2d` with `pool` at `poolSite`. Throws a ShapeError that names the layer at fault. */
export function conv2dPool(
  x: Tensor,
  weight: Parameter,
  bias: Parameter | null,
  options: Conv2dOptions,
  pool: PoolOptions,
  site: string,
  poolSite: string,
): Tensor {
  const attributes = conv2dAttributes(x, weight, bias, options, site);
  const { N, K, P, Q } = attributes.shape;
  const batch = poolShape(poolSite, [N, K, P, Q], pool);
  return apply(conv2dPoolOp, [x], { ...attributes, pool: { ...batch, planes: K } }, site);
}
