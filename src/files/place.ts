/** Follows a path through links to the file that is to be written, and finds out how it can be written. */
import { lstatSync, readlinkSync, realpathSync } from "node:fs";
import { basename, dirname, isAbsolute } from "node:path";
import { UsageError } from "../error.js";

export interface Place {
  /** The path after all links. */
  path: string;
  /** `whole`: a file, which can be replaced by a new one. `straight`: a device or a pipe, which cannot. */
  kind: "whole" | "straight";
  /** The permissions of the file that exists; null if there is none. */
  mode: number | null;
  /** The descriptor, for a file that this process has open; else null. */
  descriptor: number | null;
}

/** Linux follows as many links. */
const mostLinks = 40;

/** Linux and macOS list the open files of this process here; /dev/stdout and /dev/fd lead here. */
const openFiles: readonly string[] = [`/proc/${process.pid}/fd`, "/dev/fd"];

/** Throws the system's error if a folder on the way cannot be read, and a UsageError if the path is a folder. */
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
    // The path is not normalised, because in "a/../b" the name a may be a link as well.
    target = isAbsolute(link) ? link : `${dirname(target)}/${link}`;
  }
  throw unsuitable(path, `a chain of more than ${mostLinks} links`);
}

const unsuitable = (where: string, got: string): UsageError =>
  new UsageError({ where, expected: "a file that can be written", got, remedy: "choose another path" });
