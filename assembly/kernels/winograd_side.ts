/** Chooses the convolutions that use Winograd's transforms, forward and for the input gradient. */

/** With fewer channels or smaller planes the transforms cost more than they save. */
const leastChannels: i32 = 16;
const leastExtent: i32 = 4;
/** The same limits for large tiles; the 36 points of their weights should also stay in the L2 cache. */
const leastLargeExtent: i32 = 8;
const mostWeights: i32 = 8192;

/** The side of a tile in outputs, 2 or 4; 0 for convolutions that do not use Winograd. */
export function winogradSide(
  R: i32,
  S: i32,
  stride: i32,
  inputs: i32,
  outputs: i32,
  rows: i32,
  columns: i32,
): i32 {
  const extent = min(rows, columns);
  if (R !== 3 || S !== 3 || stride !== 1) return 0;
  if (min(inputs, outputs) < leastChannels || extent < leastExtent) return 0;
  return extent >= leastLargeExtent && inputs * outputs <= mostWeights ? 4 : 2;
}
