/**
 * The one way to write a file. What is written goes to a part beside the place, then to the disk, and only then takes the
 * place's name; so the file is whole, old or new, at every moment, and new for good once `commit` has returned:
 *
 *   write part   fsync part   rename part to the place   fsync the folder
 *
 * A link stays a link, and its target is written. Devices, pipes and the process's open files (/dev/stdout) cannot be
 * replaced: they get the bytes as they come.
 */
import {
  closeSync,
  constants,
  fchmodSync,
  fsyncSync,
  openSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { guard, partOf, removeAbandonedPartsOf } from "./part.js";
import { type Place, placeOf } from "./place.js";
import { refusal } from "./refusal.js";

export class Output {
  readonly #path: string;
  readonly #place: Place;
  /** Null where the place itself is written. */
  readonly #part: string | null;
  readonly #file: number;
  readonly #release: () => void;

  /** `path` is as the user wrote it. Throws a UsageError if it cannot be written, a DiskError if there is no space. */
  static open(path: string): Output {
    try {
      return new Output(path, placeOf(path));
    } catch (cause) {
      throw refusal(path, cause);
    }
  }

  private constructor(path: string, place: Place) {
    this.#path = path;
    this.#place = place;
    if (place.kind === "straight") {
      this.#part = null;
      this.#file = place.descriptor ?? openSync(place.path, constants.O_WRONLY);
      this.#release = () => {};
      return;
    }
    removeAbandonedPartsOf(place.path);
    this.#part = partOf(place.path);
    this.#file = openSync(this.#part, "wx");
    this.#release = guard(this.#part);
    if (place.mode !== null) fchmodSync(this.#file, place.mode);
  }

  write(contents: Uint8Array | string): void {
    const bytes = typeof contents === "string" ? Buffer.from(contents) : contents;
    try {
      writeWhole(this.#file, bytes);
    } catch (cause) {
      throw refusal(this.#path, cause);
    }
  }

  /** When this returns, the file is at its place and on the disk. If it throws, `abandon` is still to be called. */
  commit(): void {
    try {
      if (this.#part === null) {
        this.#close();
        return;
      }
      fsyncSync(this.#file);
      closeSync(this.#file);
      renameSync(this.#part, this.#place.path);
      this.#release();
      syncFolder(dirname(this.#place.path));
    } catch (cause) {
      throw refusal(this.#path, cause);
    }
  }

  #close(): void {
    if (this.#place.descriptor === null) closeSync(this.#file);
  }

  /** Leaves at the place what was there before. */
  abandon(): void {
    try {
      this.#close();
    } catch {
      // It was closed by `commit`, or what went wrong first is told.
    }
    try {
      if (this.#part !== null) rmSync(this.#part, { force: true });
    } catch {
      // The next writer of the same place removes it.
    }
    this.#release();
  }
}

const clock = new Int32Array(new SharedArrayBuffer(4));

/** The system may take a part of what it is given, and a pipe that is full nothing for a while. */
export function writeWhole(file: number, bytes: Uint8Array): void {
  for (let from = 0; from < bytes.length; ) {
    try {
      from += writeSync(file, bytes, from);
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== "EAGAIN") throw cause;
      Atomics.wait(clock, 0, 0, 1);
    }
  }
}

/** Answers of systems whose folders cannot be flushed, or not by this user: they keep names by themselves. */
const unflushable: ReadonlySet<string | undefined> = new Set([
  "EACCES",
  "EPERM",
  "EINVAL",
  "ENOTSUP",
  "EISDIR",
]);

/** The names in a folder reach the disk with it. */
export function syncFolder(folder: string): void {
  let file: number | null = null;
  try {
    file = openSync(folder, "r");
    fsyncSync(file);
  } catch (cause) {
    if (!unflushable.has((cause as NodeJS.ErrnoException).code)) throw cause;
  } finally {
    if (file !== null) closeSync(file);
  }
}
