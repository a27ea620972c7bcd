/**
 * ImageFolder: photographs in `train/CLASS/*` and `val/CLASS/*` (or `test/`), JPEG or PNG. The classes are the folders'
 * names in order of their code units. Decoding happens batch by batch, in workers, and ahead of the step when the
 * training loop announces the next batch with `prepare`.
 */
import { createHash, type Hash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { extname, join } from "node:path";
import { DataError, UsageError } from "../error.js";
import type { Rng } from "../rng.js";
import { type CropSettings, drawCrop } from "./crop.js";
import type { Dataset, Split } from "./dataset.js";
import { isMissing, unreadable } from "./files.js";
import { createLoader, type Loader } from "./loader.js";
import { channelTables, imagenetNormalization, type Normalization } from "./normalize.js";
import { checkBatch } from "./pixels.js";

export interface FolderSettings {
  /** Side of the square the network sees, in pixels; 224 unless told. */
  size?: number;
  /** Short side before the centre crop of evaluation; 256/224 of `size` unless told. */
  resize?: number;
  normalization?: Normalization;
  /**
   * Leaves out images that cannot be decoded, and lists them in `skipped`. All test images are tried on opening, so that
   * the test split holds whole ones only, each once; a training image is found bad when its turn comes, and the next
   * one of the split stands in.
   */
  skipBad?: boolean;
  /** Decoding threads; 0 decodes on the calling one. 1 unless told. */
  workers?: number;
}

const extensions = new Set([".jpg", ".jpeg", ".png"]);

interface Photograph {
  path: string;
  label: number;
}

export async function openImageFolder(root: string, settings: FolderSettings = {}): Promise<Dataset> {
  const size = settings.size ?? 224;
  checkSize(size);
  const crop = { size, resize: settings.resize ?? Math.round((size * 256) / 224) };
  if (!(Number.isInteger(crop.resize) && crop.resize >= size)) {
    throw new UsageError({
      where: "openImageFolder",
      expected: `a short side of whole pixels, at least the size ${size}`,
      got: String(crop.resize),
      remedy: "raise resize or lower size",
    });
  }
  const classes = await listClasses(join(root, "train"));
  const testFolder = await firstFolder([join(root, "val"), join(root, "test")]);
  await checkTestClasses(testFolder, classes);
  const train = await listPhotographs(join(root, "train"), classes);
  const found = await listPhotographs(testFolder, classes);
  const hash = createHash("sha256");
  await hashFiles(hash, root, [...train, ...found]);

  const loader = createLoader(settings.workers ?? 1);
  const normalization = settings.normalization ?? imagenetNormalization;
  const skipped: string[] = [];
  const split = (photographs: Photograph[], skipTo: string[] | null) =>
    photographSplit(photographs, crop, normalization, loader, skipTo);
  let test = found;
  if (settings.skipBad) {
    try {
      test = await wholeOnes(found, crop, loader, skipped);
    } catch (cause) {
      await loader.close();
      throw cause;
    }
  }
  return {
    name: root,
    classes,
    channels: 3,
    height: size,
    width: size,
    train: split(train, settings.skipBad ? skipped : null),
    test: split(test, null),
    hash: hash.digest("hex"),
    skipped,
    close: () => loader.close(),
  };
}

/** Refuses a side that is no whole number of pixels. */
export function checkSize(size: number): void {
  if (Number.isInteger(size) && size >= 1) return;
  throw new UsageError({
    where: "--image",
    expected: "a whole number of pixels, at least 1",
    got: String(size),
    remedy: "give for example --image 224",
  });
}

/** In order of code units, whatever order they were found in. */
function skip(skipped: string[], path: string): void {
  skipped.push(path);
  skipped.sort(byCodeUnits);
}

/** The photographs that can be decoded; the others go to `skipped`. All of them bad is the error of the last. */
async function wholeOnes(
  photographs: readonly Photograph[],
  settings: CropSettings,
  loader: Loader,
  skipped: string[],
): Promise<Photograph[]> {
  const whole: Photograph[] = [];
  let last: DataError | null = null;
  for (const group of groups(photographs)) {
    const errors = await Promise.all(
      group.map(({ path }) => loader.load({ path, settings, draws: null }).then(() => null, damage)),
    );
    for (const [n, photograph] of group.entries()) {
      last = errors[n] ?? last;
      if (errors[n]) skip(skipped, photograph.path);
      else whole.push(photograph);
    }
  }
  if (whole.length === 0) throw last;
  return whole;
}

/** Passes on what is not a file's fault. */
function damage(cause: unknown): DataError {
  if (cause instanceof DataError) return cause;
  throw cause;
}

/** Some at a time, for each holds a file's bytes in memory. */
function* groups(photographs: readonly Photograph[], atOnce = 64): Generator<readonly Photograph[]> {
  for (let first = 0; first < photographs.length; first += atOnce) {
    yield photographs.slice(first, first + atOnce);
  }
}

/** `skipped` null: a damaged file is an error. */
function photographSplit(
  photographs: Photograph[],
  settings: CropSettings,
  normalization: Normalization,
  loader: Loader,
  skipped: string[] | null,
): Split {
  const tables = channelTables(normalization);
  const plane = settings.size * settings.size;
  const imageLength = tables.length * plane;
  const bad = new Set<number>();

  type Loaded = { planes: Uint8Array; label: number };

  async function load(index: number, rng: Rng | null): Promise<Loaded> {
    const { path, label } = photographs[index]!;
    try {
      const draws = rng ? drawCrop(rng.fork(`image ${index}`)) : null;
      return { planes: await loader.load({ path, settings, draws }), label };
    } catch (cause) {
      if (!skipped || !(cause instanceof DataError)) {
        throw cause;
      }
      if (!bad.has(index)) {
        bad.add(index);
        skip(skipped, path);
      }
      if (bad.size === photographs.length) {
        throw cause;
      }
      return load((index + 1) % photographs.length, rng);
    }
  }

  /** Work begun by `prepare`, for one batch at a time; used only if the same images under the same rng are asked for. */
  let ahead: { indices: Uint32Array; rng: Rng | null; loaded: Promise<Loaded[]> } | null = null;

  const loadAll = (indices: Uint32Array, rng: Rng | null) =>
    Promise.all(Array.from(indices, (index) => load(index, rng)));

  return {
    length: photographs.length,
    prepare(indices, rng) {
      const loaded = loadAll(indices, rng);
      // A failure is reported by the batch that asks for it, not here.
      loaded.catch(() => {});
      ahead = { indices: indices.slice(), rng, loaded };
    },
    async batch(indices, images, labels, rng) {
      checkBatch(indices, images, labels, imageLength, photographs.length);
      const prepared =
        ahead !== null &&
        ahead.rng === rng &&
        ahead.indices.length === indices.length &&
        ahead.indices.every((index, n) => index === indices[n]);
      const pending = prepared ? ahead!.loaded : loadAll(indices, rng);
      if (prepared) {
        ahead = null;
      }
      const loaded = await pending;
      loaded.forEach(({ planes, label }, n) => {
        tables.forEach(({ source, values }, c) => {
          const out = n * imageLength + c * plane;
          for (let p = 0; p < plane; p++) {
            images[out + p] = values[planes[source * plane + p]!]!;
          }
        });
        labels[n] = label;
      });
    },
  };
}

/** Folders below `folder`, at least two. */
async function listClasses(folder: string): Promise<string[]> {
  const classes = await listFolders(folder);
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
  const unknown = (await listFolders(folder)).find((name) => !classes.includes(name));
  if (unknown !== undefined) {
    throw new DataError({
      where: join(folder, unknown),
      expected: "a class that train/ has too",
      got: "one that it lacks",
      remedy: "give both the same class folders",
    });
  }
}

async function listPhotographs(folder: string, classes: string[]): Promise<Photograph[]> {
  const photographs: Photograph[] = [];
  for (const [label, name] of classes.entries()) {
    const files = (await list(join(folder, name)))
      .filter((entry) => !entry.isDirectory() && extensions.has(extname(entry.name).toLowerCase()))
      .map((entry) => join(folder, name, entry.name))
      .sort(byCodeUnits);
    if (files.length === 0) {
      throw new DataError({
        where: join(folder, name),
        expected: "JPEG or PNG files",
        got: "none",
        remedy: "add images of the class or remove its folder",
      });
    }
    photographs.push(...files.map((path) => ({ path, label })));
  }
  return photographs;
}

const listFolders = async (folder: string): Promise<string[]> =>
  (await list(folder))
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort(byCodeUnits);

async function list(folder: string) {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (cause) {
    if (!isMissing(cause)) {
      throw unreadable(folder, cause);
    }
    throw new DataError({
      where: folder,
      expected: "a folder of images",
      got: "nothing there",
      remedy: "arrange the images as train/CLASS/*.jpg and val/CLASS/*.jpg",
    });
  }
}

/** The first that exists; the first of all when none does. */
async function firstFolder(folders: [string, ...string[]]): Promise<string> {
  for (const folder of folders) {
    if (await readdir(folder).catch(() => null)) {
      return folder;
    }
  }
  return folders[0];
}

const byCodeUnits = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Names and contents, in order: a renamed file may change class or place. */
async function hashFiles(hash: Hash, root: string, photographs: Photograph[]): Promise<void> {
  for (const group of groups(photographs)) {
    const contents = await Promise.all(
      group.map(({ path }) =>
        readFile(path).catch((cause) => {
          throw unreadable(path, cause);
        }),
      ),
    );
    for (const [n, bytes] of contents.entries()) {
      const name = group[n]!.path.slice(root.length).replaceAll("\\", "/");
      hash.update(`${name}\0${bytes.length}\0`).update(bytes);
    }
  }
}
