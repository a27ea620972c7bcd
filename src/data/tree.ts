/**
 * Lists folders of images in the order of torchvision's ImageFolder. Links are followed. The files of a folder come before
 * those of the folders in it, both sorted by code units. Hidden files and folders are ignored, because they are not the
 * user's: macOS writes a file ._NAME.jpg, which is not an image, for each NAME.jpg.
 */
import { readdir, realpath, stat } from "node:fs/promises";
import { join } from "node:path";
import { DataError } from "../error.js";
import { isMissing, unreadable } from "./files.js";

export const byCodeUnits = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** The visible files and folders in a folder, sorted. A link counts as the file or folder that it points to. */
async function entriesOf(folder: string): Promise<{ files: string[]; folders: string[] }> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((cause) => {
    throw isMissing(cause) ? nothingThere(folder) : unreadable(folder, cause);
  });
  const files: string[] = [];
  const folders: string[] = [];
  for (const entry of entries) {
    if (entry.name.startsWith(".")) continue;
    // A broken link counts as a file; an error names it when it is read.
    const target = entry.isSymbolicLink() ? await stat(join(folder, entry.name)).catch(() => null) : entry;
    (target?.isDirectory() ? folders : files).push(entry.name);
  }
  return { files: files.sort(byCodeUnits), folders: folders.sort(byCodeUnits) };
}

/** The names of the folders in a folder. */
export const foldersIn = async (folder: string): Promise<string[]> => (await entriesOf(folder)).folders;

/** The paths of all files below a folder. */
export async function filesBelow(folder: string): Promise<string[]> {
  const found: { folder: string; files: string[] }[] = [];
  await walk(folder, new Set(), found);
  found.sort((a, b) => byCodeUnits(a.folder, b.folder));
  return found.flatMap(({ folder: parent, files }) => files.map((name) => join(parent, name)));
}

/** `above`: the real paths of the folders that contain this one. */
async function walk(
  folder: string,
  above: ReadonlySet<string>,
  found: { folder: string; files: string[] }[],
): Promise<void> {
  const { files, folders } = await entriesOf(folder);
  const real = await realpath(folder);
  if (above.has(real)) {
    throw new DataError({
      where: folder,
      expected: "a folder that is not within itself",
      got: `a link to ${real}`,
      remedy: "remove the link",
    });
  }
  found.push({ folder, files });
  for (const name of folders) await walk(join(folder, name), new Set([...above, real]), found);
}

const nothingThere = (folder: string): DataError =>
  new DataError({
    where: folder,
    expected: "a folder of images",
    got: "nothing there",
    remedy: "arrange the images as train/CLASS/*.jpg and val/CLASS/*.jpg",
  });
