/**
 * An audit: the promise, looked at. While a store is audited the originals are still there when their frame is made,
 * so every value is compared with what will come back, in binary64 (where the difference of two float32 is exact or
 * correctly rounded far below the bound).
 */

/** The most rows and columns of a sample. */
const sampleExtent = 64;

/** The upper left corner of some channels of a tensor's first image, before and after: for pictures. */
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
  /** Zeros that did not come back as zeros, and the other way round. */
  moved = 0;
  readonly samples: Sample[] = [];
  readonly #planes: number;

  /** `planes`: how many channels of each tensor's first image are kept as samples. */
  constructor(planes = 0) {
    this.#planes = planes;
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
      // What is not finite must come back as the very same bits: there is no distance to speak of.
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
