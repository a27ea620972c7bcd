/** Where a path leads: through links to what is to be written, and how that can be done. */
import { lstatSync, readlinkSync, realpathSync } from "node:fs";
import { basename, dirname, isAbsolute } from "node:path";
import { UsageError } from "../error.js";

export interface Place {
  /** Behind all links. */
  path: string;
  /** `whole`: a file, which can be replaced by a new one; `straight`: a device or a pipe, which cannot. */
  kind: "whole" | "straight";
  /** Permissions of what is there; null if nothing is. */
  mode: number | null;
  /** A file that this process has open, by its descriptor; null for all others. */
  descriptor: number | null;
}

/** As many links as Linux follows. */
const mostLinks = 40;

/** Where Linux and macOS list the open files of this process; /dev/stdout and /dev/fd lead there. */
const openFiles: readonly string[] = [`/proc/${process.pid}/fd`, "/dev/fd"];

/** Throws the system's error where a folder on the way cannot be read, and a UsageError for a folder. */
export function placeOf(path: string): Place {
  let target = path;
  for (let links = 0; links <= mostLinks; links++) {
    const found = lstatSync(target, { throwIfNoEntry: false });
    if (!found) return { path: target, kind: "whole", mode: null, descriptor: null };
    if (found.isDirectory()) throw unsuitable(path, "a folder");
    const mode = found.mode & 0o7777;
    if (openFiles.includes(realpathSync(dirname(target)))) {
      return { path: target, kind: "straight", mode, descriptor: Number(basename(target)) };
    }
    if (!found.isSymbolicLink()) {
      return { path: target, kind: found.isFile() ? "whole" : "straight", mode, descriptor: null };
    }
    const link = readlinkSync(target);
    // Not normalised: in "a/../b", a may be a link as well.
    target = isAbsolute(link) ? link : `${dirname(target)}/${link}`;
  }
  throw unsuitable(path, `a chain of more than ${mostLinks} links`);
}

const unsuitable = (where: string, got: string): UsageError =>
  new UsageError({ where, expected: "a file that can be written", got, remedy: "choose another path" });
