/**
 * Writes files and folders atomically: they are written beside their place, flushed to disk, then renamed
 * into it.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { mkdir, open, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { CometError, UsageError } from "../error.js";

/**
 * Writes a file. If anything fails, the file that was at `path` before stays as it was. Throws a UsageError
 * if the folder cannot be written. Contents in parts are written one after another, and must not change
 * meanwhile.
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

/** writeAtomically for callers that cannot wait. */
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
      // The first error is the one to report.
    }
    throw unwritable(path, cause);
  }
}

/**
 * Makes a folder at `path` from the files that `fill` writes into a temporary one. Nothing may exist at
 * `path` yet.
 */
export async function makeFolderAtomically(
  path: string,
  fill: (folder: string) => Promise<void>,
): Promise<void> {
  const temporary = beside(path);
  try {
    await mkdir(temporary);
    await fill(temporary);
    await sync(temporary);
    await rename(temporary, path);
    await sync(dirname(path));
  } catch (cause) {
    await rm(temporary, { recursive: true, force: true }).catch(() => {});
    throw cause instanceof CometError ? cause : unwritable(path, cause);
  }
}

/** Removes a folder. It is renamed first, so that it disappears all at once. */
export async function removeFolderAtomically(path: string): Promise<void> {
  const temporary = beside(path);
  await rename(path, temporary);
  await rm(temporary, { recursive: true });
}

/**
 * Removes unfinished files that killed processes left in a folder, if it exists. No other process may be
 * using it.
 */
export function removeUnfinished(folder: string): void {
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder).filter((name) => unfinished.test(name))) {
    rmSync(join(folder, name), { recursive: true });
  }
}

/** Flushes a folder to disk; new names in it are durable only then. */
async function sync(folder: string): Promise<void> {
  // Windows cannot open folders, and writes names to disk by itself.
  if (process.platform === "win32") return;
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

const beside = (path: string): string => `${path}.${process.pid}.part`;
const unfinished = /\.\d+\.part$/;

const unwritable = (path: string, cause: unknown): UsageError =>
  new UsageError({
    where: path,
    expected: "a file that can be written",
    got: cause instanceof Error ? cause.message : String(cause),
    remedy: `make ${dirname(path)} a writable folder or choose another`,
  });
