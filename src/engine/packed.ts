/** What ops ask of a saved tensor, and what a store makes of it: the two sides of the seam. */
import type { Block } from "../device/device.js";
import type { Site } from "./parameter.js";
import { sizeOf, Tensor } from "./tensor.js";

/**
 * What the backward pass needs of a saved tensor: its values within a bound (the op then has a noise law), exactly its
 * values, or only its support, which is where it is not zero.
 */
export type Need = "value" | "exact" | "support";

/** One op's request for a tensor in the backward pass. A store sees all requests for a tensor when it packs it. */
export interface SaveRequest {
  readonly site: Site;
  readonly need: Need;
  /** The part of the site's bound that an error here may take: below 1 where the errors of several tensors add up. */
  readonly share: number;
  /** Only the values above zero matter, and which ones these are: what a ReLU lets through. */
  readonly positive: boolean;
  /** The requested tensor is made from this one in the backward pass. */
  readonly derived: boolean;
}

/** A tensor under an error bound: |x − x̂| < bound for each x ≥ 0, and < below for each x < 0. */
export interface Bounded {
  readonly bound: number;
  readonly below: number;
}

/** What will be read later: the values; both the values and the rectified ones, in any order; null if that is not known. */
export type Next = "values" | "both" | null;

/** What became of a saved tensor. */
export type PackedKind = "raw" | "frame" | "mask" | "recipe";

/** A saved tensor in the form in which it waits for the backward pass. */
export interface Packed {
  /** Raw values, an encoding of the values, one bit an element, or nothing but a recipe from other saved tensors. */
  readonly kind: PackedKind;
  /** The bytes of the device that this form takes. */
  readonly bytes: number;
  /** The error bound that holds for every value; absent where the values are exact or no bound is promised. */
  readonly bounded?: Bounded;
  /** The variance of the error of each value that is not 0; absent where the values are exact. */
  readonly variance?: number;
  /** The blocks that hold it. While nobody reads it, they may be taken out and replaced by others with the same bytes. */
  readonly blocks?: Block[];
  /** The number of images that `range` gives at once most cheaply. */
  readonly images: number;
  /** Whether all images are in memory already, so that `range` need not copy them if it is asked for all. */
  readonly whole?: boolean;
  /** The number of shares in it that will not ask for values; absent if all may. */
  readonly silent?: number;
  /** The values of `count` images from `first` on. The caller disposes of them. `more`: they will be asked for again. */
  range(first: number, count: number, more?: boolean): Tensor;
  /**
   * max(x, 0), where this form knows more of the signs than the decoded values tell. `next`: what will be asked for when
   * this pass has gone through all images in order.
   */
  rectified?(first: number, count: number, next?: Next): Tensor;
  /** dx = x ≠ 0 ? dy : 0. Consumes dy. Null where this form does not know the support without the values. */
  gate?(dy: Tensor): Tensor | null;
  /** Of a sum or a difference of saved tensors: these, since it has the errors of all of them. */
  readonly addends?: readonly Addend[];
  /** The one kept tensor whose errors these values have; null if they have none, or those of several. */
  readonly origin?: object | null;
  /**
   * Of images [first, first + count): the standard deviation of each value's error in units of that of the kept
   * tensor. Null where it is 1 for all values but zeros, which are exact.
   */
  sensitivity?(first: number, count: number): Tensor | null;
  free(): void;
}

/** Where a tensor is above 0, kept beside values that err. */
export interface Signs {
  /** The bytes of the device that it takes. */
  readonly bytes: number;
  /** x where the original was above 0, else 0; x is a part of the tensor, from value `first` on. Consumes x. */
  rectify(x: Tensor, first: number): Tensor;
  free(): void;
}

/** One of several tensors whose errors add up. */
export interface Addend {
  /** The variance of the error of each value that is not 0. */
  readonly variance: number;
  /** The values, some images after the other. The caller disposes of each part. */
  parts(): Iterable<Tensor>;
}

/** A tensor kept as it is. */
export class Raw implements Packed {
  readonly kind = "raw";
  readonly bytes: number;
  readonly images: number;
  readonly #tensor: Tensor;

  /** Takes ownership of `tensor`. */
  constructor(tensor: Tensor) {
    this.#tensor = tensor;
    this.bytes = 4 * tensor.size;
    this.images = tensor.shape[0] ?? 1;
    tensor.engine.device.recategorise(tensor.storage.block, "saved");
  }

  range(first: number, count: number): Tensor {
    return imagesOf(this.#tensor, first, count);
  }

  free(): void {
    this.#tensor.dispose();
  }
}

/** The most raw bytes of a packed tensor that one thread decodes at a time in the backward pass, if images allow it. */
const partBytes = 2 ** 19;

/** The number of images of a tensor of this shape that are decoded at a time. */
export const imagesAtOnce = ([images, ...image]: readonly number[]): number =>
  Math.max(1, Math.min(images ?? 1, Math.floor(partBytes / (4 * sizeOf(image)))));

/** Images [first, first + count) of a tensor: the tensor itself if these are all, else a copy. */
export function imagesOf(x: Tensor, first: number, count: number): Tensor {
  const [images, ...image] = x.shape;
  if (count === (images ?? 1)) return x.ref;
  const size = sizeOf(image);
  return Tensor.from(
    x.engine,
    x.data.subarray(first * size, (first + count) * size),
    [count, ...image],
    x.storage.block.site,
  );
}
