/** Files that are either whole or not there: written beside their place, flushed, then renamed into it. */
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { open, rename, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { UsageError } from "./error.js";

/**
 * Leaves what was at `path` untouched when anything fails. A folder that cannot be written is a UsageError. Contents in
 * parts are written one after the other, and must stay as they are meanwhile.
 */
export async function writeAtomically(
  path: string,
  contents: Uint8Array | string | Iterable<Uint8Array>,
): Promise<void> {
  const temporary = beside(path);
  try {
    const file = await open(temporary, "w");
    try {
      await writeFile(file, contents);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (cause) {
    await rm(temporary, { force: true }).catch(() => {});
    throw unwritable(path, cause);
  }
}

/** The same, for callers that cannot wait. */
export function writeAtomicallySync(path: string, contents: Uint8Array | string): void {
  const temporary = beside(path);
  try {
    const file = openSync(temporary, "w");
    try {
      writeFileSync(file, contents);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
  } catch (cause) {
    try {
      rmSync(temporary, { force: true });
    } catch {
      // What went wrong first is told.
    }
    throw unwritable(path, cause);
  }
}

const beside = (path: string): string => `${path}.${process.pid}.part`;

const unwritable = (path: string, cause: unknown): UsageError =>
  new UsageError({
    where: path,
    expected: "a file that can be written",
    got: cause instanceof Error ? cause.message : String(cause),
    remedy: `make ${dirname(path)} a writable folder or choose another`,
  });
