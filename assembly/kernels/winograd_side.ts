/** Which convolutions go by Winograd's way, forward and for the input gradient. */

/** Fewer channels than this, or smaller planes, are not worth the transforms. */
const leastChannels: i32 = 16;
const leastExtent: i32 = 4;
/** The same for large tiles, whose 36 points of a weight should also stay in the L2 cache. */
const leastLargeExtent: i32 = 8;
const mostWeights: i32 = 8192;

/** Outputs in a row of a tile, 2 or 4; 0 for those that go another way. */
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
