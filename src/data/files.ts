/** Reads the files of a data set. Errors name the file that is missing or damaged. */
import { readFile } from "node:fs/promises";
import { gunzipSync } from "node:zlib";
import { DataError } from "../error.js";

/** Reads the first of `paths` that exists. `remedy` tells the user how to get the file. */
export async function readFirst(
  paths: readonly string[],
  remedy: string,
): Promise<{ path: string; bytes: Uint8Array }> {
  for (const path of paths) {
    try {
      return { path, bytes: await readFile(path) };
    } catch (cause) {
      if (!isMissing(cause)) {
        throw unreadable(path, cause);
      }
    }
  }
  throw new DataError({ where: paths[0]!, expected: "a file", got: "nothing there", remedy });
}

/** Returns a file's contents, unzipped if the file is gzipped. `where` names it in errors. */
export function unzipped(file: Uint8Array, where: string): Uint8Array {
  if (!(file[0] === 0x1f && file[1] === 0x8b)) return file;
  try {
    return gunzipSync(file);
  } catch (cause) {
    throw new DataError({
      where,
      expected: "a whole gzip file",
      got: cause instanceof Error ? cause.message : String(cause),
      remedy: "fetch or copy the file again",
    });
  }
}

export function isMissing(cause: unknown): boolean {
  return cause instanceof Error && "code" in cause && (cause.code === "ENOENT" || cause.code === "ENOTDIR");
}

export function unreadable(path: string, cause: unknown): DataError {
  return new DataError({
    where: path,
    expected: "a readable file",
    got: cause instanceof Error ? cause.message : String(cause),
    remedy: "check the path and its permissions",
  });
}
