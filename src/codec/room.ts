/** Sizes of the codec's scratch, its windows on tensors, and its frames: see docs/format.md, "Limits". */
import { chunkLength } from "./chunk.js";
import { segmentLength } from "./layout.js";

/** The scratch that a codec needs, whatever it encodes. */
export const scratchBytes = 524288;

/**
 * The number of values that each mode handles at a time: a chunk, a segment, or two segments when decoding.
 * Their encoded bytes never exceed `partBytes`.
 */
export const windowLength = { fast: chunkLength, dense: segmentLength, denseBack: 2 * segmentLength };
export const partBytes = { fast: 80 * 1024, dense: 176 * 1024 };

/** An upper limit on the bytes of a frame of `length` values. */
export const frameCapacity = (length: number): number =>
  128 + Math.ceil(length / chunkLength) * 64 + length * 5;

/** Splits a tensor of `length` values into windows of at most `most` values. */
export function* windowsOf(length: number, most: number): Generator<[first: number, count: number]> {
  for (let first = 0; first < length; first += most) yield [first, Math.min(most, length - first)];
}
