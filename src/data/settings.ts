/** The settings of a folder of photographs, and their checks. */
import { UsageError } from "../error.js";
import type { CropSettings } from "./crop.js";
import type { Normalization } from "./normalize.js";
import { mostPixels } from "./picture.js";

export interface FolderSettings {
  /** Side of the square that the network sees, in pixels. Default 224. */
  size?: number;
  /** Length of the short side before the centre crop of evaluation. Default: 256/224 of `size`. */
  resize?: number;
  normalization?: Normalization;
  /**
   * Leaves out images that cannot be decoded, and lists them in `skipped`. All test images are decoded once
   * on opening, so that the test split contains only whole ones. A damaged training image is found when it is
   * needed, and the next image of the split is used instead.
   */
  skipBad?: boolean;
  /** An image with more pixels is refused before it is decoded, like a damaged one. Default 89,478,485. */
  maxPixels?: number;
  /** Number of decoding threads; 0 decodes on the calling thread. Default 1. */
  workers?: number;
}

export function cropOf({
  size = 224,
  resize = Math.round((size * 256) / 224),
}: FolderSettings): CropSettings {
  checkSize(size);
  if (Number.isInteger(resize) && resize >= size) return { size, resize };
  throw new UsageError({
    where: "openImageFolder",
    expected: `a short side of whole pixels, at least the size ${size}`,
    got: String(resize),
    remedy: "raise resize or lower size",
  });
}

/** Throws a UsageError if the side is not a whole number of pixels. */
export function checkSize(size: number): void {
  if (Number.isInteger(size) && size >= 1) return;
  throw new UsageError({
    where: "dataset.size",
    expected: "a whole number of pixels, at least 1",
    got: String(size),
    remedy: "give for example dataset.size 224",
  });
}

export function maxPixelsOf({ maxPixels = mostPixels }: FolderSettings): number {
  if (maxPixels >= 1) return maxPixels;
  throw new UsageError({
    where: "dataset.maxPixels",
    expected: "a number of pixels, at least 1",
    got: String(maxPixels),
    remedy: "give for example dataset.maxPixels 200e6",
  });
}
