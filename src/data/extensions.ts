/** Which files of a folder are images, by what their names end in. */
import { extname } from "node:path";
import { DataError } from "../error.js";

/** All that torchvision's ImageFolder takes for images. */
const extensions = new Set([".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".ppm", ".pgm"]);

/** Those among them for which there is no decoder here that gives the right pixels. */
const unread = new Set([".bmp", ".ppm", ".pgm"]);

const extensionOf = (path: string): string => extname(path).toLowerCase();

export const isPhotograph = (path: string): boolean => extensions.has(extensionOf(path));

export const isRead = (path: string): boolean => !unread.has(extensionOf(path));

/** Left out without a word, such files would make another data set of the folder. */
export const unreadFormat = (path: string): DataError =>
  new DataError({
    where: path,
    expected: "JPEG, PNG, WebP or TIFF",
    got: `a file that ends in ${extensionOf(path)}, which is not read`,
    remedy: "convert such files, or leave them out with --skip-bad",
  });
