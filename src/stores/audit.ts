/**
 * An audit checks the promise of a bound on the tensors of a training step. When a tensor has been packed, the original is
 * still there, so every value is compared with the one that will come back: in binary64, where the difference of two
 * float32 is exact, or correctly rounded far below the bound.
 */
import type { PackEvent } from "../engine/store.js";
import type { Tensor } from "../engine/tensor.js";

/** The most rows and columns of a sample. */
const sampleExtent = 64;

/** The upper left corner of one channel of a tensor's first image, before and after, for pictures. */
export interface Sample {
  site: string;
  bound: number;
  height: number;
  width: number;
  original: Float32Array;
  decoded: Float32Array;
}

const sameBits = (a: Float32Array, b: Float32Array, i: number): boolean =>
  new Uint32Array(a.buffer, a.byteOffset + 4 * i, 1)[0] ===
  new Uint32Array(b.buffer, b.byteOffset + 4 * i, 1)[0];

export class Audit {
  /** The largest |x − x̂| ÷ bound of all values seen. */
  worst = 0;
  values = 0;
  frames = 0;
  /** The number of zeros that did not come back as zeros, and of other values that came back as zero. */
  moved = 0;
  /** The largest |x − x̂| of the tensors that come back without a promised bound, and the number of these tensors. */
  largest = 0;
  unbounded = 0;
  readonly samples: Sample[] = [];
  readonly #planes: number;

  /** `planes`: the number of channels of each tensor's first image that are kept as samples. */
  constructor(planes = 0) {
    this.#planes = planes;
  }

  /** Compares a packed tensor with its original, unless it is kept as it is or gives no values. */
  look({ packed, requests, tensor }: PackEvent): void {
    if (!tensor || packed.kind === "mask") return;
    if (!packed.bounded) {
      if (packed.kind !== "raw") this.#measure(packed.range(0, tensor.shape[0]!), tensor);
      return;
    }
    const { bound, below } = packed.bounded;
    const site = (requests.find(({ need }) => need === "value") ?? requests[0]!).site.name;
    const decoded = packed.range(0, tensor.shape[0]!);
    this.compare(site, bound, tensor.data, decoded.data, tensor.shape, below);
    decoded.dispose();
  }

  /** Consumes `decoded`. */
  #measure(decoded: Tensor, { data: original }: Tensor): void {
    this.unbounded++;
    const back = decoded.data;
    for (let i = 0; i < original.length; i++) {
      const error = sameBits(original, back, i) ? 0 : Math.abs(original[i]! - back[i]!);
      // An infinity that comes back as a number, or the reverse, is as far off as can be.
      this.largest = Math.max(this.largest, Number.isNaN(error) ? Number.POSITIVE_INFINITY : error);
    }
    decoded.dispose();
  }

  /** `below`: the bound of values below zero. */
  compare(
    site: string,
    bound: number,
    original: Float32Array,
    decoded: Float32Array,
    shape: readonly number[],
    below = bound,
  ): void {
    this.frames++;
    this.values += original.length;
    let worst = 0;
    for (let i = 0; i < original.length; i++) {
      const [x, back] = [original[i]!, decoded[i]!];
      // A value that is not finite must come back with the same bits, since no distance is defined.
      const finite = Number.isFinite(x) && Number.isFinite(back);
      const error = finite
        ? Math.abs(x - back)
        : sameBits(original, decoded, i)
          ? 0
          : Number.POSITIVE_INFINITY;
      const ratio = error / (x < 0 ? below : bound);
      if (ratio > worst) worst = ratio;
      if ((x === 0) !== (back === 0)) this.moved++;
    }
    // A bound is rounded down to float32 before use, so the ratio to the given one is below 1 too.
    this.worst = Math.max(this.worst, worst);
    if (shape.length !== 4) return;
    const [rows, columns] = shape.slice(2) as [number, number];
    const [height, width] = [Math.min(rows, sampleExtent), Math.min(columns, sampleExtent)];
    const corner = (values: Float32Array, plane: number) =>
      Float32Array.from(
        { length: height * width },
        (_, i) => values[(plane * rows + Math.floor(i / width)) * columns + (i % width)]!,
      );
    for (let plane = 0; plane < Math.min(this.#planes, shape[1]!); plane++) {
      const [before, after] = [corner(original, plane), corner(decoded, plane)];
      this.samples.push({ site, bound, height, width, original: before, decoded: after });
    }
  }
}
