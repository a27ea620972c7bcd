/**
 * Decodes image files to RGB bytes that are the same on every machine. The first bytes of a file decide the format,
 * whatever its name is. The size in the header is checked first, because a small file can decode to more pixels than
 * fit into memory.
 */
import { DataError } from "../error.js";
import type { Format, Picture } from "./formats/format.js";
import { jpeg } from "./formats/jpeg.js";
import { png } from "./formats/png.js";
import { tiff } from "./formats/tiff.js";
import { webp } from "./formats/webp.js";

const formats: readonly Format[] = [jpeg, png, webp, tiff];
const names = "JPEG, PNG, WebP or TIFF";

/** The most pixels that an image may have by default. Pillow warns above this number (its MAX_IMAGE_PIXELS). */
export const mostPixels = 89_478_485;

/** Throws a DataError that names the file, which is `where`. */
export async function decodePicture(
  bytes: Uint8Array,
  where: string,
  maxPixels = mostPixels,
): Promise<Picture> {
  try {
    const format = formats.find(({ begins }) => begins(bytes));
    if (!format)
      throw new Error(bytes.length === 0 ? "an empty file" : "a file that begins like none of them");
    const { width, height } = format.size(bytes);
    if (!(width >= 1 && height >= 1)) throw new Error("a header without a size");
    if (width * height > maxPixels) throw tooLarge(where, width, height, maxPixels);
    return await format.decode(bytes);
  } catch (cause) {
    if (cause instanceof DataError) throw cause;
    throw new DataError({
      where,
      expected: `a whole image, ${names}`,
      got: cause instanceof Error ? cause.message : "one that cannot be decoded",
      remedy: "replace or remove the file, or leave damaged files out with dataset.skipBad",
    });
  }
}

const tooLarge = (where: string, width: number, height: number, maxPixels: number): DataError =>
  new DataError({
    where,
    expected: `an image of at most ${maxPixels} pixels`,
    got: `${width} × ${height}`,
    remedy: "make it smaller, raise dataset.maxPixels, or leave such files out with dataset.skipBad",
  });

export type { Picture };
