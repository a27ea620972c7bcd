/** Reads the files of a data set. Errors name the file that is missing or damaged. */
import { readFile, stat } from "node:fs/promises";
import { constants, gunzipSync } from "node:zlib";
import { DataError } from "../error.js";

/**
 * Reads the first of `paths` that exists. `remedy` tells the user how to get the file. `check` gets the file's path and
 * length before anything is read, and throws if the length is wrong, because a wrong file can be of any size.
 */
export async function readFirst(
  paths: readonly string[],
  remedy: string,
  check: (path: string, bytes: number) => void = () => {},
): Promise<{ path: string; bytes: Uint8Array }> {
  for (const path of paths) {
    try {
      check(path, (await stat(path)).size);
      return { path, bytes: await readFile(path) };
    } catch (cause) {
      if (cause instanceof DataError) throw cause;
      if (!isMissing(cause)) {
        throw unreadable(path, cause);
      }
    }
  }
  throw new DataError({ where: paths[0]!, expected: "a file", got: "nothing there", remedy });
}

export const isZipped = (file: Uint8Array): boolean => file[0] === 0x1f && file[1] === 0x8b;

/**
 * Unzips a gzip file to at most `most` bytes, because a small file may hold any number of them. Throws a DataError if
 * there are more. `where` names the file in errors.
 */
export function unzipped(file: Uint8Array, where: string, most: number): Uint8Array {
  try {
    return gunzipSync(file, { maxOutputLength: Math.max(most, 1) });
  } catch (cause) {
    const tooMany = (cause as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE";
    throw new DataError({
      where,
      expected: tooMany ? `at most ${most} bytes in a gzip file` : "a whole gzip file",
      got: tooMany ? "more" : cause instanceof Error ? cause.message : String(cause),
      remedy: "fetch or copy the file again",
    });
  }
}

/** Unzips the start of a gzip file: at least `length` bytes, or fewer if the file is damaged there. */
export function unzippedHead(file: Uint8Array, length: number): Uint8Array {
  // Deflate unfolds its input to at most 1032 times as many bytes.
  const front = file.subarray(0, 1 << 10);
  try {
    const head = gunzipSync(front, { finishFlush: constants.Z_SYNC_FLUSH });
    return head.length >= length || front.length === file.length
      ? head
      : gunzipSync(file.subarray(0, 1 << 17), { finishFlush: constants.Z_SYNC_FLUSH });
  } catch {
    return new Uint8Array();
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
