/**
 * Photographs of ImageNet's 1000 classes, for networks that were trained on all of them. The class of a
 * photograph is the synset in its path, either the name of its folder or the beginning of its file name:
 * n01440764/x.JPEG, n01440764_tench.JPEG. The folder may hold any number of photographs of any of the
 * classes.
 */
import { readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { DataError } from "../error.js";
import type { Dataset } from "./dataset.js";
import { isPhotograph } from "./extensions.js";
import { photographDataset } from "./photographs.js";
import type { FolderSettings } from "./settings.js";
import { byCodeUnits, filesBelow } from "./tree.js";

/** Lines "synset name", sorted by synset, which is also the order of the networks' outputs. */
const list = fileURLToPath(new URL("../../../src/data/imagenet/synsets.txt", import.meta.url));

export interface ImagenetClass {
  /** The identifier of a set of synonyms in WordNet 3.0: n and eight digits. */
  synset: string;
  name: string;
}

export const imagenetClasses = (): ImagenetClass[] =>
  readFileSync(list, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => ({ synset: line.slice(0, 9), name: line.slice(10) }));

const synsetIn = (path: string): string | null => /(?:^|[\\/])(n\d{8})(?!\d)/.exec(path)?.[1] ?? null;

/** True if all photographs below a folder are named by synsets; false if there is no such folder. */
export async function namedBySynset(folder: string): Promise<boolean> {
  const found = await photographsBelow(folder).catch(() => []);
  return found.length > 0 && found.every((path) => synsetIn(path) !== null);
}

/** A data set for testing only, with an empty training split. Uses the folder's `val` if it has one. */
export async function openImagenet(folder: string, settings: FolderSettings = {}): Promise<Dataset> {
  const classes = imagenetClasses();
  const labels = new Map(classes.map(({ synset }, label) => [synset, label]));
  const test = (await photographsBelow(folder)).map((name) => {
    const path = join(folder, name);
    const synset = synsetIn(name);
    const label = synset === null ? undefined : labels.get(synset);
    if (label !== undefined) return { path, label };
    throw new DataError({
      where: path,
      expected: "one of ImageNet's 1000 synsets in the path, such as n01440764",
      got: synset ?? "none",
      remedy: "name the folders of the photographs by their synsets",
    });
  });
  if (test.length === 0) {
    throw new DataError({
      where: folder,
      expected: "image files",
      got: "none",
      remedy: "give a folder of photographs",
    });
  }
  const names = classes.map(({ name }) => name);
  return photographDataset(folder, names, { train: [], test }, settings);
}

/** Paths of the photographs below `folder`, sorted by code units; only those in `folder/val` if it exists. */
async function photographsBelow(folder: string): Promise<string[]> {
  const paths = (await filesBelow(folder))
    .filter(isPhotograph)
    .map((path) => relative(folder, path))
    .sort(byCodeUnits);
  const held = paths.filter((path) => /^val[\\/]/.test(path));
  return held.length > 0 ? held : paths;
}
