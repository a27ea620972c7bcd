/**
 * The only way in which the program writes a file. The bytes go to a part beside the place; the part is flushed to the
 * disk and then renamed. So the file is complete at every moment, either the old one or the new one, and it is the new
 * one for good once `commit` has returned:
 *
 *   write part   fsync part   rename part to the place   fsync the folder
 *
 * A link stays a link, and its target is written. Devices, pipes and open files of the process (/dev/stdout) cannot be
 * replaced, so they get the bytes directly.
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
  /** Null if the place itself is written. */
  readonly #part: string | null;
  readonly #file: number;
  readonly #release: () => void;

  /** Throws a UsageError if `path` cannot be written, and a DiskError if there is no space. */
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
    // Before the part exists: a signal may come at any time.
    this.#release = guard(this.#part);
    try {
      this.#file = openSync(this.#part, "wx");
      if (place.mode !== null) fchmodSync(this.#file, place.mode);
    } catch (cause) {
      rmSync(this.#part, { force: true });
      this.#release();
      throw cause;
    }
  }

  write(contents: Uint8Array | string): void {
    const bytes = typeof contents === "string" ? Buffer.from(contents) : contents;
    try {
      writeWhole(this.#file, bytes);
    } catch (cause) {
      throw refusal(this.#path, cause);
    }
  }

  /** After this call the file is at its place and on the disk. If it throws, the caller must still call `abandon`. */
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

  /** Removes the part. The file that was at the place before stays. */
  abandon(): void {
    try {
      this.#close();
    } catch {
      // `commit` has closed it, or the first error is the one to report.
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

/** Writes all bytes: the system may take only some of them in one call, and a full pipe takes none for a while. */
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

/** The errors of systems on which a folder cannot be flushed, or not by this user. */
const unflushable: ReadonlySet<string | undefined> = new Set([
  "EACCES",
  "EPERM",
  "EINVAL",
  "ENOTSUP",
  "EISDIR",
]);

/** Flushes a folder to disk; new names in it are durable only then. */
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
