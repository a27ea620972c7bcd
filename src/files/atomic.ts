/**
 * Writes files and folders atomically: they are written beside their place, flushed to disk, then renamed
 * into it.
 */
import { mkdirSync, renameSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { Output, syncFolder } from "./output.js";
import { guard, partOf, removeAbandonedPartsOf } from "./part.js";
import { refusal } from "./refusal.js";

/**
 * Writes a file. If anything fails, the file that was at `path` before stays as it was. Throws a UsageError
 * if the place cannot be written, and a DiskError if the disk is full. Contents in parts are written one
 * after another.
 */
export function writeAtomically(path: string, contents: Uint8Array | string | Iterable<Uint8Array>): void {
  const output = Output.open(path);
  try {
    const whole = typeof contents === "string" || contents instanceof Uint8Array;
    for (const part of whole ? [contents] : contents) output.write(part);
    output.commit();
  } catch (cause) {
    output.abandon();
    throw cause;
  }
}

/**
 * Makes a folder at `path` from the files that `fill` writes into a temporary one. Nothing may exist at
 * `path` yet.
 */
export async function makeFolderAtomically(
  path: string,
  fill: (folder: string) => void | Promise<void>,
): Promise<void> {
  removeAbandonedPartsOf(path);
  const part = partOf(path);
  const release = guard(part);
  try {
    mkdirSync(part);
    await fill(part);
    syncFolder(part);
    renameSync(part, path);
    syncFolder(dirname(path));
  } catch (cause) {
    try {
      rmSync(part, { recursive: true, force: true });
    } catch {
      // The next writer of the same place removes it.
    }
    throw refusal(path, cause);
  } finally {
    release();
  }
}

/** Removes a folder, which is there whole until it is not there at all. Throws the system's error. */
export function removeFolderAtomically(path: string): void {
  const part = partOf(path);
  renameSync(path, part);
  rmSync(part, { recursive: true });
}
