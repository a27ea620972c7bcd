/** Decides by the extension of its name whether a file is an image. */
import { extname } from "node:path";
import { DataError } from "../error.js";

/** The extensions that torchvision's ImageFolder accepts. */
const extensions = new Set([".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".ppm", ".pgm"]);

/** The extensions among them that are not read here: no decoder that we tried returns the right pixels. */
const unread = new Set([".bmp", ".ppm", ".pgm"]);

const extensionOf = (path: string): string => extname(path).toLowerCase();

export const isPhotograph = (path: string): boolean => extensions.has(extensionOf(path));

export const isRead = (path: string): boolean => !unread.has(extensionOf(path));

/** The error for a file that is not read. To ignore it silently would change the data set. */
export const unreadFormat = (path: string): DataError =>
  new DataError({
    where: path,
    expected: "JPEG, PNG, WebP or TIFF",
    got: `a file that ends in ${extensionOf(path)}, which is not read`,
    remedy: "convert such files, or leave them out with dataset.skipBad",
  });
