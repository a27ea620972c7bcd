/**
 * Fixed-point numbers of 2 to 17 bits. Channel c has b_c bits, 2 to 16, and a scale:
 *
 *   code = nearest(x·scale·2^b), in [−2^b, 2^b − 1] with signs, in [0, 2^b] without,    x̂ = code·(2^−b/scale)
 *
 * Codes are stored from 0 up, so 2^b is added to those with signs. They lie one after the other, the lowest bit first, and
 * each image begins with a whole byte. An image that is sparse begins with a mask of one bit a value, and only the codes
 * that are not 0 follow, those above 0 less by one.
 *
 *   dense     b + 1 bits a code
 *   sparse    b + 1 bits a code with signs, b without
 */
import type { ChannelShape } from "./channel.js";

export interface FixedForm {
  readonly signed: boolean;
  readonly sparse: boolean;
}

/** The bits of a code. */
export const codeBits = (bits: number, { signed, sparse }: FixedForm): number =>
  bits + Number(signed || !sparse);

export interface FixedPointKernels {
  /** The number of codes that are not 0 in each plane, as little-endian integers of 32 bits. */
  fixedCounts(
    counts: Uint8Array,
    x: Float32Array,
    scales: Float32Array,
    bits: Uint8Array,
    shape: ChannelShape,
    signed: boolean,
  ): void;
  /** `starts`: where each image begins in `packed`, and the end, as little-endian integers of 32 bits. */
  packFixed(
    packed: Uint8Array,
    x: Float32Array,
    scales: Float32Array,
    bits: Uint8Array,
    starts: Uint8Array,
    shape: ChannelShape,
    form: FixedForm,
  ): void;
  /** `starts` are those of the images of x; `packed` holds all images. */
  unpackFixed(
    x: Float32Array,
    packed: Uint8Array,
    scales: Float32Array,
    bits: Uint8Array,
    starts: Uint8Array,
    shape: ChannelShape,
    form: FixedForm,
  ): void;
}
