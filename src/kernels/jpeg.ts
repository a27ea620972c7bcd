/**
 * The kernels of JPEG-ACT: scaling to 8 bits, the cosine transform of 8 × 8 blocks, and the two codings of bytes of which
 * many are zero. They are part of `Kernels` and obey its rules. Bytes q and k hold integers from −128 to 127.
 *
 *   float32 ── quantizeChannels ──────────► q ──► zvcPack
 *   float32 ── dctForward (scales too) ───► k ──► zvcPack or runLengthPack
 *
 * The images of a tensor form one picture of N·C·H rows and W columns. Zeros at its top and left fill it up to whole
 * blocks, so if H is no multiple of 8, a block holds rows of two channels.
 */
import type { ChannelShape } from "./channel.js";

/** N images of C channels with H rows and W columns. */
export interface PictureShape {
  N: number;
  C: number;
  H: number;
  W: number;
}

/** The blocks of a picture, and the zeros above and to the left of it. */
export function blocksOf({ N, C, H, W }: PictureShape) {
  const [down, across] = [Math.ceil((N * C * H) / 8), Math.ceil(W / 8)];
  return { down, across, top: 8 * down - N * C * H, left: 8 * across - W, values: 64 * down * across };
}

/** The number of symbols of the run-length coding: run (0 … 15) · 16 + size. */
export const symbols = 256;
/** The most bits of a symbol's code. */
export const mostBits = 12;

export interface JpegKernels {
  /** The least and the greatest value of each channel; NaN where a channel holds one, ±∞ where it is empty, never −0. */
  channelExtremes(least: Float32Array, greatest: Float32Array, x: Float32Array, shape: ChannelShape): void;
  /** q = clip(round(32·scales[c]·x), −128, 127); halves are rounded to even, NaN gives 0. */
  quantizeChannels(q: Uint8Array, x: Float32Array, scales: Float32Array, shape: ChannelShape): void;
  /** x = (q/32)/scales[c]. */
  dequantizeChannels(x: Float32Array, q: Uint8Array, scales: Float32Array, shape: ChannelShape): void;
  /**
   * k holds the blocks of the picture, row by row, 64 bytes each: q as in quantizeChannels, the orthonormal cosine
   * transform of it, rounded; then k = trunc(coefficient/table), clipped to −128 … 127. `table` has 64 whole numbers from 1.
   */
  dctForward(
    k: Uint8Array,
    x: Float32Array,
    scales: Float32Array,
    table: readonly number[],
    shape: PictureShape,
  ): void;
  /** The inverse: k·table, the inverse transform, rounded, /32, /scales[c]. With `rectify`, max(x, 0) of that. */
  dctInverse(
    x: Float32Array,
    k: Uint8Array,
    scales: Float32Array,
    table: readonly number[],
    shape: PictureShape,
    rectify: boolean,
  ): void;

  // ── zero-value coding ──
  /** The length of what zvcPack writes: 8·⌈n/64⌉ and one byte for each of the n that is not 0. */
  zvcBytes(q: Uint8Array): number;
  /** For each 64 bytes of q: a mask of 64 bits, bit i for byte i, and then the bytes that are not 0. */
  zvcPack(packed: Uint8Array, q: Uint8Array): void;
  /** Bytes that are missing in `packed` count as 0. */
  zvcUnpack(q: Uint8Array, packed: Uint8Array): void;

  // ── run-length coding ── The 64 values of a block in zigzag order, as JPEG writes them: for each value that is not 0 a
  // symbol run·16 + size and `size` bits of amplitude, where `run` zeros came before; 0xf0 for 16 zeros; 0 if only zeros
  // are left. The constant coefficient is coded as the others are.
  /** How often each of the 256 symbols occurs. */
  runLengthCounts(counts: Float32Array, k: Uint8Array): void;
  /**
   * `codes`: for each symbol its code·16 + the code's length, which is 1 … 12. The first bit is the highest of its byte.
   * Bits for which `packed` has no room are left out.
   */
  runLengthPack(packed: Uint8Array, k: Uint8Array, codes: Float32Array): void;
  /** `lookup`: for each 12 bits, symbol·16 + length of the code that begins them; 0 ends the block. */
  runLengthUnpack(k: Uint8Array, packed: Uint8Array, lookup: Float32Array): void;
}
