/** Windows that slide over an image: the arithmetic that convolution and pooling share. */
import { ShapeError } from "../error.js";

/**
 * The number of windows of `kernel` pixels, `stride` apart, along `extent` pixels with `padding` more at both ends:
 *
 *   ⌊(extent + 2·padding − kernel) / stride⌋ + 1          less than 1 if no window fits
 */
export const outputExtent = (
  extent: number,
  kernel: number,
  { stride = 1, padding = 0 }: { stride?: number; padding?: number } = {},
): number => Math.floor((extent + 2 * padding - kernel) / stride) + 1;

/** Throws a ShapeError for the first of `values` that is not a whole number, or is below its least value. */
export function checkWhole(
  where: string,
  values: Readonly<Record<string, readonly [value: number, least: number]>>,
): void {
  for (const [name, [value, least]] of Object.entries(values)) {
    if (Number.isInteger(value) && value >= least) continue;
    throw new ShapeError({
      where,
      expected: `${name} a whole number of at least ${least}`,
      got: String(value),
      remedy: `give for example ${name} ${Math.max(least, 1)}`,
    });
  }
}

/** N, C, H and W of images; a ShapeError for anything else. */
export function imageExtents(where: string, shape: readonly number[]): [number, number, number, number] {
  if (shape.length === 4) return shape as [number, number, number, number];
  throw new ShapeError({
    where,
    expected: "images N × C × H × W",
    got: `[${shape}]`,
    remedy: "pool before the tensor is flattened",
  });
}
