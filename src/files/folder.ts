/**
 * Making folders one level at a time. Node's own recursive mkdir tries for ever where the parent exists and yet nothing
 * can be made in it, as below /proc. A folder is on the disk when it is made.
 */
import { mkdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { syncFolder } from "./output.js";

const codeOf = (cause: unknown): string | undefined => (cause as NodeJS.ErrnoException).code;

/** Makes `path` and what is missing above it; throws the system's error. */
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

/** Makes a folder that was not there below `parent`: `name`, or if that is taken `name-2`, `name-3`, …; returns its name. */
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
