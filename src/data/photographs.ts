/**
 * Photographs with their classes as a data set. Decoding happens batch by batch, in workers, and ahead of the step when
 * the training loop announces the next batch with `prepare`.
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

export const isPhotograph = (name: string): boolean => extensions.has(extname(name).toLowerCase());

export interface Photograph {
  path: string;
  label: number;
}

export const byCodeUnits = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** `root` names the data set; files are hashed by their names below it. */
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
