/** Files and folders that are either whole or not there: made beside their place, flushed, then renamed into it. */
import { mkdirSync, renameSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { Output, syncFolder } from "./output.js";
import { guard, partOf, removeAbandonedPartsOf } from "./part.js";
import { refusal } from "./refusal.js";

/**
 * Leaves what was at `path` untouched when anything fails. A place that cannot be written is a UsageError, a full disk a
 * DiskError. Contents in parts are written one after the other.
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

/** Makes a folder of what `fill` writes into the one it is given. Nothing may be at `path` yet. */
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
