/**
 * Photographs with class labels as a data set. Files are decoded batch by batch in worker threads. Decoding
 * starts before the step if the training loop announces the next batch with `prepare`.
 */
import { createHash, type Hash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { DataError } from "../error.js";
import type { Rng } from "../rng.js";
import { type CropSettings, drawCrop } from "./crop.js";
import type { Dataset, Split } from "./dataset.js";
import { isRead, unreadFormat } from "./extensions.js";
import { unreadable } from "./files.js";
import { createLoader } from "./loader.js";
import { channelTables, imagenetNormalization, type Normalization } from "./normalize.js";
import { checkBatch } from "./pixels.js";
import { cropOf, type FolderSettings, maxPixelsOf } from "./settings.js";
import { byCodeUnits } from "./tree.js";

export interface Photograph {
  path: string;
  label: number;
}

/** `root` names the data set. Files are hashed with their names relative to it. */
export async function photographDataset(
  root: string,
  classes: string[],
  listed: { train: Photograph[]; test: Photograph[] },
  settings: FolderSettings = {},
): Promise<Dataset> {
  const crop = cropOf(settings);
  const maxPixels = maxPixelsOf(settings);
  const skipped: string[] = [];
  const skipTo = settings.skipBad ? skipped : null;
  const train = readable(listed.train, skipTo);
  const found = readable(listed.test, skipTo);
  const hash = createHash("sha256");
  await hashFiles(hash, root, [...train, ...found]);

  const loader = createLoader(settings.workers ?? 1);
  const normalization = settings.normalization ?? imagenetNormalization;
  const load = (path: string, draws: Float32Array | null) =>
    loader.load({ path, settings: crop, draws, maxPixels });
  const split = (photographs: Photograph[], skipTo: string[] | null) =>
    photographSplit(photographs, crop, normalization, load, skipTo);
  let test = found;
  if (settings.skipBad) {
    try {
      test = await wholeOnes(found, load, skipped);
    } catch (cause) {
      await loader.close();
      throw cause;
    }
  }
  return {
    name: root,
    classes,
    channels: 3,
    height: crop.size,
    width: crop.size,
    train: split(train, skipTo),
    test: split(test, null),
    hash: hash.digest("hex"),
    skipped,
    close: () => loader.close(),
  };
}

/** Loads the square that a network sees of a file, as 3 planes. With `draws` null it crops for evaluation. */
type Load = (path: string, draws: Float32Array | null) => Promise<Uint8Array>;

/**
 * Removes the files in formats that are not read. Throws an error that names the first one, or lists them in `skipped` if
 * that is given.
 */
function readable(photographs: Photograph[], skipped: string[] | null): Photograph[] {
  return photographs.filter(({ path }) => {
    if (isRead(path)) return true;
    if (skipped === null) throw unreadFormat(path);
    skip(skipped, path);
    return false;
  });
}

/** Adds a path to the skipped ones and keeps them sorted by code units. */
function skip(skipped: string[], path: string): void {
  skipped.push(path);
  skipped.sort(byCodeUnits);
}

/**
 * The photographs that can be decoded; the others are added to `skipped`. If none can be, throws the last
 * error.
 */
async function wholeOnes(
  photographs: readonly Photograph[],
  load: Load,
  skipped: string[],
): Promise<Photograph[]> {
  const whole: Photograph[] = [];
  let last: DataError | null = null;
  for (const group of groups(photographs)) {
    const errors = await Promise.all(group.map(({ path }) => load(path, null).then(() => null, damage)));
    for (const [n, photograph] of group.entries()) {
      last = errors[n] ?? last;
      if (errors[n]) skip(skipped, photograph.path);
      else whole.push(photograph);
    }
  }
  if (whole.length === 0 && last) throw last;
  return whole;
}

/** Returns a DataError and rethrows any other error, because only a DataError is the file's fault. */
function damage(cause: unknown): DataError {
  if (cause instanceof DataError) return cause;
  throw cause;
}

/** Splits photographs into small groups, because each one being read holds a file in memory. */
function* groups(photographs: readonly Photograph[], atOnce = 64): Generator<readonly Photograph[]> {
  for (let first = 0; first < photographs.length; first += atOnce) {
    yield photographs.slice(first, first + atOnce);
  }
}

/** With `skipped` null, a damaged file is an error. */
function photographSplit(
  photographs: Photograph[],
  settings: CropSettings,
  normalization: Normalization,
  loadPlanes: Load,
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
      return { planes: await loadPlanes(path, draws), label };
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

  /**
   * The loading that `prepare` began, for one batch at a time. It is used only if `batch` is called with the
   * same images and rng.
   */
  let ahead: { indices: Uint32Array; rng: Rng | null; loaded: Promise<Loaded[]> } | null = null;

  const loadAll = (indices: Uint32Array, rng: Rng | null) =>
    Promise.all(Array.from(indices, (index) => load(index, rng)));

  return {
    length: photographs.length,
    prepare(indices, rng) {
      const loaded = loadAll(indices, rng);
      // A failure is reported by the `batch` call for these images, not here.
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

/** Hashes names and contents in order, because renaming a file can change its class or its position. */
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
