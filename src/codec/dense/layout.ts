/**
 * How dense mode walks a tensor: eight lanes side by side, so that eight values that know nothing of each other are
 * coded at once. Rows of `width` values are counted through the whole tensor; a lane is `height` rows in a row
 * (a plane, a part of a large one), a strip is eight lanes, a segment some strips.
 *
 *   strip   lane 0  rows      0 …   h−1        step (y, x) codes value x of row y of each lane,
 *           lane 1  rows      h … 2·h−1        lane 0 first, then x + 1, then y + 1
 *           …
 *           lane 7  rows    7·h … 8·h−1
 */
export interface Layout {
  /** Values in the tensor. */
  length: number;
  /** The tensor's own rows are not used: what is above a value means nothing. */
  flat: boolean;
  width: number;
  /** Rows in the tensor; the last one may be ragged. */
  rows: number;
  /** Rows in a lane, but in the last strip, which shares what is left evenly. */
  height: number;
  strips: number;
  stripsPerSegment: number;
}

/** Tensors of fewer values go to fast mode. */
export const leastDense = 1024;
export const lanes = 8;
/** Symbols in a segment, and so in a strip, at most. */
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

/** The rows in a lane of strip `s`. */
export function heightOf({ rows, height }: Layout, s: number): number {
  return Math.min(height, Math.ceil((rows - s * lanes * height) / lanes));
}

/** Symbols of the strips from `first` on. */
export function symbolsOf(layout: Layout, first: number, count: number): number {
  let sum = 0;
  for (let s = first; s < first + count; s++) sum += lanes * layout.width * heightOf(layout, s);
  return sum;
}

/** The values of these strips: the number of the first, and how many. */
export function valuesOf(layout: Layout, strip: number, count: number): [first: number, count: number] {
  const { length, width, height } = layout;
  const first = strip * lanes * height * width;
  return [first, Math.min(length - first, count * lanes * height * width)];
}
