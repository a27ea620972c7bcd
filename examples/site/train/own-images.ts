/**
 * The visitor's own images as a data set. Each image is cut into overlapping squares of several sizes, which become grey
 * images of 28 × 28; the network learns from which image, or from which folder of images, a square is. The result is four
 * IDX files, which Node reads as well, so that a run on them can be replayed.
 */
import { encodeIdx } from "../../../src/data/idx.js";
import { DataError } from "../../../src/error.js";
import type { OwnFiles } from "./messages.js";

const side = 28;
/** A class is a digit for the readers of IDX files. */
const mostClasses = 10;
/** The most squares of one class. */
const mostSquares = 600;
/** Each so many squares, one is for testing. */
const testEvery = 5;

/** A file and the folder that it was in; "" where it came alone. */
export interface NamedFile {
  file: File;
  folder: string;
}

interface Square {
  x: number;
  y: number;
  size: number;
}

/** Squares of an image, from large to small, `across` in each row and column. */
function squaresOf(width: number, height: number, count: number): Square[] {
  const shares = [1, 0.8, 0.65, 0.5, 0.4, 0.3];
  const across = Math.max(2, Math.floor(Math.sqrt(count / shares.length)));
  const side = Math.min(width, height);
  return shares.flatMap((share) => {
    const size = side * share;
    return Array.from({ length: across * across }, (_, i) => ({
      x: ((width - size) * (i % across)) / (across - 1),
      y: ((height - size) * Math.floor(i / across)) / (across - 1),
      size,
    }));
  });
}

async function decoded(file: File): Promise<ImageBitmap> {
  try {
    return await createImageBitmap(file);
  } catch {
    throw new DataError({
      where: file.name,
      expected: "an image that this browser can show",
      got: `${file.size} bytes that it cannot decode`,
      remedy: "leave it out, or save it as JPEG, PNG or WebP",
    });
  }
}

/** The grey values of some squares of an image, one square after the other. */
function cut(image: ImageBitmap, squares: readonly Square[]): Uint8Array[] {
  const canvas = new OffscreenCanvas(side, side);
  const context = canvas.getContext("2d", { willReadFrequently: true })!;
  return squares.map(({ x, y, size }) => {
    context.drawImage(image, x, y, size, size, 0, 0, side, side);
    const { data } = context.getImageData(0, 0, side, side);
    return Uint8Array.from({ length: side * side }, (_, i) =>
      Math.round(0.299 * data[4 * i]! + 0.587 * data[4 * i + 1]! + 0.114 * data[4 * i + 2]!),
    );
  });
}

/** The files by class: by their folders if there are at least two, else each image is a class. */
function classesOf(files: readonly NamedFile[]): Map<string, File[]> {
  const folders = new Set(files.map(({ folder }) => folder));
  const classes = new Map<string, File[]>();
  for (const { file, folder } of files) {
    const name = folders.size > 1 ? folder : file.name;
    classes.set(name, [...(classes.get(name) ?? []), file]);
  }
  return classes;
}

export interface OwnImages {
  files: OwnFiles;
  /** The number of squares to train on, and the classes' names. */
  squares: number;
  classes: string[];
}

/** Throws a DataError if there are too few or too many classes, or if an image is damaged. */
export async function ownImages(given: readonly NamedFile[]): Promise<OwnImages> {
  const classes = classesOf(given);
  if (classes.size < 2 || classes.size > mostClasses) {
    throw new DataError({
      where: "your images",
      expected: `2 to ${mostClasses} images, or as many folders of images`,
      got: String(classes.size),
      remedy: "choose others",
    });
  }
  const parts = {
    train: { images: [] as Uint8Array[], labels: [] as number[] },
    t10k: { images: [] as Uint8Array[], labels: [] as number[] },
  };
  let label = 0;
  for (const files of classes.values()) {
    for (const file of files) {
      const image = await decoded(file);
      const squares = squaresOf(image.width, image.height, mostSquares / files.length);
      cut(image, squares).forEach((pixels, i) => {
        const part = i % testEvery === testEvery - 1 ? parts.t10k : parts.train;
        part.images.push(pixels);
        part.labels.push(label);
      });
      image.close();
    }
    label++;
  }
  const files = new Map<string, Uint8Array<ArrayBuffer>>();
  for (const [name, { images, labels }] of Object.entries(parts)) {
    const values = new Uint8Array(images.length * side * side);
    images.forEach((pixels, i) => {
      values.set(pixels, i * side * side);
    });
    files.set(`${name}-images-idx3-ubyte`, new Uint8Array(encodeIdx([images.length, side, side], values)));
    files.set(
      `${name}-labels-idx1-ubyte`,
      new Uint8Array(encodeIdx([labels.length], Uint8Array.from(labels))),
    );
  }
  return { files, squares: parts.train.images.length, classes: [...classes.keys()] };
}

/** The files of a drop, with those in dropped folders. */
export async function droppedFiles(transfer: DataTransfer): Promise<NamedFile[]> {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry());
  const found: NamedFile[] = [];
  const visit = async (entry: FileSystemEntry | null, folder: string): Promise<void> => {
    if (entry?.isFile) {
      const file = await new Promise<File>((resolve, reject) =>
        (entry as FileSystemFileEntry).file(resolve, reject),
      );
      if (!file.name.startsWith(".")) found.push({ file, folder });
    } else if (entry?.isDirectory) {
      const reader = (entry as FileSystemDirectoryEntry).createReader();
      for (;;) {
        const some = await new Promise<FileSystemEntry[]>((resolve, reject) =>
          reader.readEntries(resolve, reject),
        );
        if (some.length === 0) break;
        for (const inner of some) await visit(inner, entry.fullPath);
      }
    }
  };
  for (const entry of entries) await visit(entry, "");
  return found;
}
