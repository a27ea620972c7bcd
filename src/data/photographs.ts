/**
 * Photographs with class labels as a data set. Files are decoded batch by batch in worker threads. Decoding
 * starts before the step if the training loop announces the next batch with `prepare`.
 */
import { createHash, type Hash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { extname } from "node:path";
import { DataError, UsageError } from "../error.js";
import type { Rng } from "../rng.js";
import { type CropSettings, drawCrop } from "./crop.js";
import type { Dataset, Split } from "./dataset.js";
import { unreadable } from "./files.js";
import { createLoader, type Loader } from "./loader.js";
import { channelTables, imagenetNormalization, type Normalization } from "./normalize.js";
import { checkBatch } from "./pixels.js";

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
  /** Number of decoding threads; 0 decodes on the calling thread. Default 1. */
  workers?: number;
}

const extensions = new Set([".jpg", ".jpeg", ".png"]);

export const isPhotograph = (name: string): boolean => extensions.has(extname(name).toLowerCase());

export interface Photograph {
  path: string;
  label: number;
}

export const byCodeUnits = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** `root` names the data set. Files are hashed with their names relative to it. */
export async function photographDataset(
  root: string,
  classes: string[],
  { train, test: found }: { train: Photograph[]; test: Photograph[] },
  settings: FolderSettings = {},
): Promise<Dataset> {
  const crop = cropOf(settings);
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
    height: crop.size,
    width: crop.size,
    train: split(train, settings.skipBad ? skipped : null),
    test: split(test, null),
    hash: hash.digest("hex"),
    skipped,
    close: () => loader.close(),
  };
}

function cropOf({ size = 224, resize = Math.round((size * 256) / 224) }: FolderSettings): CropSettings {
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
    where: "--image",
    expected: "a whole number of pixels, at least 1",
    got: String(size),
    remedy: "give for example --image 224",
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
