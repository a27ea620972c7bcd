/** Files and folders that are either whole or not there: written beside their place, flushed, then renamed into it. */
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

/** Makes a folder of what `fill` writes into the one it is given. Nothing may be at `path` yet. */
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

/** A folder that is there whole until it is not there at all. */
export async function removeFolderAtomically(path: string): Promise<void> {
  const temporary = beside(path);
  await rename(path, temporary);
  await rm(temporary, { recursive: true });
}

/** Removes from a folder, if it is there, what killed processes left unfinished. Nobody may be at work in it. */
export function removeUnfinished(folder: string): void {
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder).filter((name) => unfinished.test(name))) {
    rmSync(join(folder, name), { recursive: true });
  }
}

/** Names reach the disk with the folder that holds them. */
async function sync(folder: string): Promise<void> {
  // Windows opens no folders, and keeps names by itself.
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
