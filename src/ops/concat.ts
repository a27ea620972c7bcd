/**
 * Puts the channels of two tensors side by side. Forward and backward only copy, and nothing is saved.
 *
 *   y[n] = a[n] b[n]        image by image: all channels of a, then all of b
 */

import type { Op } from "../engine/op.js";
import { apply } from "../engine/tape.js";
import type { Tensor } from "../engine/tensor.js";
import { ShapeError } from "../error.js";

interface Concat {
  a: readonly number[];
  b: readonly number[];
}

/** Calls `visit` with each image of the whole and its two parts. */
function images(
  whole: Float32Array,
  a: Float32Array,
  b: Float32Array,
  N: number,
  visit: (whole: Float32Array, a: Float32Array, b: Float32Array) => void,
): void {
  const image = (data: Float32Array, n: number) =>
    data.subarray((data.length / N) * n, (data.length / N) * (n + 1));
  for (let n = 0; n < N; n++) visit(image(whole, n), image(a, n), image(b, n));
}

export const concatOp: Op<Concat> = {
  name: "concat",
  saves: {},
  forward(run, [a, b]) {
    const [N, C, ...plane] = a!.shape;
    const y = run.empty([N!, C! + b!.shape[1]!, ...plane]);
    images(y.data, a!.data, b!.data, N!, (whole, first, second) => {
      whole.set(first);
      whole.set(second, first.length);
    });
    return { y };
  },
  backward(run, dy, shapes) {
    const [da, db] = [run.empty(shapes.a), run.empty(shapes.b)];
    images(dy.data, da.data, db.data, dy.shape[0]!, (whole, first, second) => {
      first.set(whole.subarray(0, first.length));
      second.set(whole.subarray(first.length));
    });
    dy.dispose();
    return [da, db];
  },
};

/** a: N × C × …, b: N × D × … → N × (C + D) × …. */
export function concat(a: Tensor, b: Tensor, site?: string): Tensor {
  const apart = [a, b].map(({ shape: [N, , ...plane] }) => [N, ...plane].join());
  if (a.shape.length < 2 || apart[0] !== apart[1]) {
    throw new ShapeError({
      where: site ?? "concat",
      expected: "tensors that differ in their channels only",
      got: `[${a.shape}] and [${b.shape}]`,
      remedy: "give both the same images and extents",
    });
  }
  return apply(concatOp, [a, b], { a: a.shape, b: b.shape }, site);
}
