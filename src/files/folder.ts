/**
 * Makes folders one level at a time. Node's recursive mkdir loops for ever if the parent exists but nothing
 * can be created in it, as below /proc. A folder is on the disk when the call returns.
 */
import { mkdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { syncFolder } from "./output.js";

const codeOf = (cause: unknown): string | undefined => (cause as NodeJS.ErrnoException).code;

/** Makes `path` and its missing parents. Throws the system's error. */
export function makeFolder(path: string): void {
  try {
    mkdirSync(path);
  } catch (cause) {
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return;
    if (codeOf(cause) !== "ENOENT" || dirname(path) === path) throw cause;
    makeFolder(dirname(path));
    mkdirSync(path);
  }
  syncFolder(dirname(path));
}

/**
 * Makes a new folder below `parent` and returns its name: `name`, or, if that exists, `name-2`, `name-3`, ….
 */
export function makeNewFolder(parent: string, name: string): string {
  makeFolder(parent);
  for (let n = 1; ; n++) {
    const own = n === 1 ? name : `${name}-${n}`;
    try {
      mkdirSync(join(parent, own));
      syncFolder(parent);
      return own;
    } catch (cause) {
      if (codeOf(cause) !== "EEXIST") throw cause;
    }
  }
}
