/** Reading the files of a data set: what is missing, and labels that name no class, are named. */
import { readFile } from "node:fs/promises";
import { DataError } from "../error.js";

/** Reads the first of `paths` that exists. `remedy` says how to get the file. */
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

/** Every label below `classes`; the error names the first record that is not. */
export function checkLabels(where: string, labels: Uint8Array, classes: number): void {
  const record = labels.findIndex((label) => label >= classes);
  if (record >= 0) {
    throw new DataError({
      where,
      expected: `labels 0 to ${classes - 1}`,
      got: `label ${labels[record]} at record ${record}`,
      remedy: "fetch the file again, or open it as the data set that it is",
    });
  }
}
