/**
 * The interface of data sets for the training loop: two splits of numbered images, written batch by batch
 * into buffers of the caller (views of device memory). Letters: N images per batch, C channels, H height, W
 * width.
 */
import type { Rng } from "../rng.js";

export interface Split {
  /** The number of images. */
  readonly length: number;
  /**
   * Writes the images named by `indices` as normalised float32 NCHW into `images` (N·C·H·W values), and their
   * class numbers into `labels` (N values). With `rng` the images are augmented for training: each image
   * draws from its own stream `rng.fork("image i")`, so the division of an epoch into batches changes
   * nothing. Without `rng` they are prepared for evaluation. Throws a ShapeError if the buffers do not fit,
   * and a DataError if a file cannot be read.
   */
  batch(
    indices: Uint32Array,
    images: Float32Array,
    labels: Float32Array,
    rng: Rng | null,
  ): void | Promise<void>;
  /**
   * Announces a later call of `batch` with the same indices and the same rng object, so that slow decoding
   * can begin. It changes no result.
   */
  prepare?(indices: Uint32Array, rng: Rng | null): void;
}

export interface Dataset {
  readonly name: string;
  /** Names of the classes; a label is an index into this list. */
  readonly classes: string[];
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly train: Split;
  readonly test: Split;
  /** SHA-256 of the uncompressed source bytes, in hexadecimal. */
  readonly hash: string;
  /** The damaged files left out so far, sorted. Only image folders opened with `skipBad` leave files out. */
  readonly skipped: readonly string[];
  /** Ends any background work. */
  close(): Promise<void>;
}
