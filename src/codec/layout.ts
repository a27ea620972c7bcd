/**
 * The order in which dense mode walks a tensor. Eight lanes run side by side, so that eight independent
 * values are coded at once. Rows of `width` values are numbered through the whole tensor. A lane is `height`
 * consecutive rows (a plane, or a part of a large one), a strip is eight lanes, and a segment is some strips.
 *
 *   strip   lane 0  rows      0 …   h−1        step (y, x) codes value x of row y of each lane,
 *           lane 1  rows      h … 2·h−1        lane 0 first, then x + 1, then y + 1
 *           …
 *           lane 7  rows    7·h … 8·h−1
 */
export interface Layout {
  /** Values in the tensor. */
  length: number;
  /** True if the tensor's own rows are not used; the value above then has no meaning. */
  flat: boolean;
  width: number;
  /** Rows in the tensor; the last one may be shorter. */
  rows: number;
  /** Rows in a lane. In the last strip the lanes share the remaining rows evenly. */
  height: number;
  strips: number;
  stripsPerSegment: number;
}

export const lanes = 8;
/** The most symbols in a segment, and so in a strip. */
export const segmentLength = 65536;
const laneLength = 8192;
const widest = 2048;
const flatWidth = 512;

export function layoutOf(shape: readonly number[], length: number): Layout {
  const sizes = shape.filter((size) => size !== 1);
  const last = sizes.at(-1) ?? 1;
  const flat = sizes.length < 2 || last < 4 || last > widest;
  const width = flat ? flatWidth : last;
  const rows = Math.ceil(length / width);
  const plane = flat ? rows : sizes.at(-2)!;
  const bands = Math.ceil((plane * width) / laneLength);
  const wanted = Math.min(Math.ceil(plane / bands), Math.floor(laneLength / width));
  const height = Math.max(1, Math.min(wanted, Math.ceil(rows / lanes)));
  const strips = Math.ceil(rows / (lanes * height));
  const stripsPerSegment = Math.max(1, Math.floor(segmentLength / (lanes * height * width)));
  return { length, flat, width, rows, height, strips, stripsPerSegment };
}

/** Rows in a lane of strip `s`. */
export function heightOf({ rows, height }: Layout, s: number): number {
  return Math.min(height, Math.ceil((rows - s * lanes * height) / lanes));
}

/** Number of symbols in `count` strips from `first` on. */
export function symbolsOf(layout: Layout, first: number, count: number): number {
  let sum = 0;
  for (let s = first; s < first + count; s++) sum += lanes * layout.width * heightOf(layout, s);
  return sum;
}

/** Index of the first value of `count` strips from `strip` on, and the number of their values. */
export function valuesOf(layout: Layout, strip: number, count: number): [first: number, count: number] {
  const { length, width, height } = layout;
  const first = strip * lanes * height * width;
  return [first, Math.min(length - first, count * lanes * height * width)];
}
