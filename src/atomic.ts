/** Files that are either whole or not there: written beside their place, flushed, then renamed into it. */
import { open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { UsageError } from "./error.js";

/** Leaves what was at `path` untouched when anything fails. A folder that cannot be written is a UsageError. */
export async function writeAtomically(path: string, contents: Uint8Array | string): Promise<void> {
  const temporary = `${path}.${process.pid}.part`;
  try {
    const file = await open(temporary, "w");
    try {
      await file.writeFile(contents);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (cause) {
    await rm(temporary, { force: true }).catch(() => {});
    throw new UsageError({
      where: path,
      expected: "a file that can be written",
      got: cause instanceof Error ? cause.message : String(cause),
      remedy: `make ${dirname(path)} a writable folder or choose another`,
    });
  }
}
