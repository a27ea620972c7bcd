/**
 * ImageFolder: photographs below `train/CLASS` and `val/CLASS` (or `test/CLASS`). The classes are the folder names,
 * sorted by code units; the images are in torchvision's order.
 */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { DataError } from "../error.js";
import type { Dataset } from "./dataset.js";
import { isPhotograph } from "./extensions.js";
import { type Photograph, photographDataset } from "./photographs.js";
import type { FolderSettings } from "./settings.js";
import { filesBelow, foldersIn } from "./tree.js";

export async function openImageFolder(root: string, settings: FolderSettings = {}): Promise<Dataset> {
  const classes = await listClasses(join(root, "train"));
  const testFolder = await firstFolder([join(root, "val"), join(root, "test")]);
  await checkTestClasses(testFolder, classes);
  const train = await listPhotographs(join(root, "train"), classes);
  const test = await listPhotographs(testFolder, classes);
  return photographDataset(root, classes, { train, test }, settings);
}

/** The folders below `folder`, at least two. */
async function listClasses(folder: string): Promise<string[]> {
  const classes = await foldersIn(folder);
  if (classes.length < 2) {
    throw new DataError({
      where: folder,
      expected: "one folder for each of at least two classes",
      got: classes.length === 0 ? "no folder" : `only ${classes[0]}`,
      remedy: "arrange the images as train/CLASS/*.jpg and val/CLASS/*.jpg",
    });
  }
  return classes;
}

async function checkTestClasses(folder: string, classes: string[]): Promise<void> {
  const unknown = (await foldersIn(folder)).find((name) => !classes.includes(name));
  if (unknown !== undefined) {
    throw new DataError({
      where: join(folder, unknown),
      expected: "a class that train/ has too",
      got: "a class that train/ does not have",
      remedy: "give both the same class folders",
    });
  }
}

async function listPhotographs(folder: string, classes: string[]): Promise<Photograph[]> {
  const photographs: Photograph[] = [];
  for (const [label, name] of classes.entries()) {
    const files = (await filesBelow(join(folder, name))).filter(isPhotograph);
    if (files.length === 0) {
      throw new DataError({
        where: join(folder, name),
        expected: "image files",
        got: "none",
        remedy: "add images of the class or remove its folder",
      });
    }
    for (const path of files) photographs.push({ path, label });
  }
  return photographs;
}

/** The first folder that exists, or the first of all if none does. */
async function firstFolder(folders: [string, ...string[]]): Promise<string> {
  for (const folder of folders) {
    if (await readdir(folder).catch(() => null)) {
      return folder;
    }
  }
  return folders[0];
}
