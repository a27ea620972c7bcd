/**
 * The gradient of an op's input, added to what other ops have contributed to it. A large one is made some images at a
 * time, so that it is never whole in memory beside their sum.
 */
import type { GradientWriter } from "./op.js";
import { RunningSquares } from "./running.js";
import { sizeOf, type Tensor } from "./tensor.js";

/** The bytes of a gradient that are made at a time: so many that a kernel's preparations are little beside its work. */
const apartBytes = 2 ** 22;

export interface Contribution {
  /** The gradient, with or without what others have contributed. */
  readonly gradient: Tensor;
  /** The mean square of the op's own part, if it was added to those of others and `measured` was given. */
  readonly meanSquare: number | null;
}

/**
 * `pending` takes what other ops have contributed, which is null if there is nothing, or if it must stay as it is.
 * `empty` makes a tensor.
 */
export function contribute(
  shape: readonly number[],
  write: GradientWriter,
  empty: (shape: readonly number[]) => Tensor,
  pending: () => Tensor | null,
  measured: boolean,
): Contribution {
  const [images, ...image] = shape as [number, ...number[]];
  const size = sizeOf(image);
  const most = Math.max(1, Math.floor(apartBytes / (4 * size)));
  const sum = most < images ? pending() : null;
  if (sum === null) {
    const gradient = empty(shape);
    write(gradient.data, 0, images);
    return { gradient, meanSquare: null };
  }
  const { engine, data } = sum;
  const squares = measured ? new RunningSquares(engine) : null;
  for (let first = 0; first < images; first += most) {
    const count = Math.min(most, images - first);
    const own = empty([count, ...image]);
    write(own.data, first, count);
    squares?.add(own.data);
    const range = data.subarray(first * size, (first + count) * size);
    engine.kernels.add(range, range, own.data);
    own.dispose();
  }
  return { gradient: sum, meanSquare: squares && squares.sum / sum.size };
}
