/**
 * What the training loop knows of data: two splits of numbered images, written batch by batch into buffers that
 * the caller owns (views of device memory). Letters: N images a batch, C channels, H height, W width.
 */
import type { Rng } from "../rng.js";

export interface Split {
  /** The number of images. */
  readonly length: number;
  /**
   * Writes the images named by `indices`, normalised, as float32 NCHW into `images` (N·C·H·W values) and their
   * class numbers into `labels` (N values). With `rng` the images are augmented for training; each image draws
   * from its own stream `rng.fork("image i")`, so how an epoch is cut into batches changes nothing. Without it they
   * are as for evaluation. Buffers that do not fit are a ShapeError, files that cannot be read a DataError.
   */
  batch(
    indices: Uint32Array,
    images: Float32Array,
    labels: Float32Array,
    rng: Rng | null,
  ): void | Promise<void>;
  /** Announces a coming call of `batch` (same indices, same rng object): slow decoding begins. Changes no result. */
  prepare?(indices: Uint32Array, rng: Rng | null): void;
}

export interface Dataset {
  readonly name: string;
  /** Names of the classes; a label is an index into it. */
  readonly classes: string[];
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly train: Split;
  readonly test: Split;
  /** SHA-256, in hex, of the uncompressed source bytes. */
  readonly hash: string;
  /** Damaged files left out so far, sorted; only image folders opened with `skipBad` ever list one. */
  readonly skipped: readonly string[];
  /** Ends what works in the background, if anything does. */
  close(): Promise<void>;
}
