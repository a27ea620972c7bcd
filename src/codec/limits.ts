/** How much room a codec, its windows on tensors and its frames take; docs/format.md, "Limits". */

import { segmentLength } from "./dense/layout.js";
import { chunkLength } from "./fast/chunk.js";

/** What a codec needs for itself, whatever it encodes. */
export const scratchBytes = 524288;

/**
 * Values that each mode takes at a time: a chunk; a segment, and two on the way back. What they become takes no more bytes
 * than `partBytes`.
 */
export const windowLength = { fast: chunkLength, dense: segmentLength, denseBack: 2 * segmentLength };
export const partBytes = { fast: 80 * 1024, dense: 176 * 1024 };

/** A frame is never larger than this for `length` values. */
export const frameCapacity = (length: number): number =>
  128 + Math.ceil(length / chunkLength) * 64 + length * 5;

/** A tensor of `length` values, at most `most` at a time. */
export function* windowsOf(length: number, most: number): Generator<[first: number, count: number]> {
  for (let first = 0; first < length; first += most) yield [first, Math.min(most, length - first)];
}
