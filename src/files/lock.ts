/**
 * A lock that allows one writer at a time: a file that names the process that holds it. If that process has ended, for
 * whatever reason, the lock is taken over. Processes of other machines that share the disk count as well: see holder.ts.
 */
import { linkSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { UsageError } from "../error.js";
import { type Holder, holderOf, holds, ownHolder, touchEvery } from "./holder.js";
import { partOf } from "./part.js";

export interface Lock {
  /** Gives the lock back. */
  (): void;
  /** False after another process took it over, because this one was suspended for long. */
  held(): boolean;
}

let made = 0;

/**
 * Makes the lock file and returns a function that removes it. Throws a UsageError while another living process holds the
 * lock. `every`: the milliseconds between two signs of life.
 */
export function takeLock(path: string, every = touchEvery): Lock {
  // The same process may take a lock again, so each text differs.
  const own = JSON.stringify({ ...ownHolder(), n: ++made });
  for (;;) {
    try {
      writeNew(path, own);
      return held(path, own, every);
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== "EEXIST") throw cause;
      const text = textOf(path);
      if (text === null) continue;
      const holder = parsed(text);
      if (holder && isLocked(path)) throw refused(path, holder);
      setAside(path, text);
    }
  }
}

function refused(path: string, holder: Holder): UsageError {
  const own = ownHolder();
  const here = holder.host === own.host && holder.namespace === own.namespace;
  return new UsageError({
    where: path,
    expected: "no other process working on this run",
    got: `process ${holder.pid}${here ? "" : ` on ${holder.host}`}`,
    remedy: here
      ? "wait until it has ended, or end it"
      : "wait until it has ended, or end it; if that machine is gone, wait ten minutes, or remove the file",
  });
}

/** Makes a file with its whole content or none: others must never read a part of it. Throws EEXIST if there is one. */
function writeNew(path: string, text: string): void {
  const part = partOf(path);
  try {
    writeFileSync(part, text, { flag: "w" });
    linkSync(part, path);
  } catch (cause) {
    // Some file systems have no links.
    if (!/^(EPERM|ENOTSUP|EOPNOTSUPP|ENOSYS)$/.test(String((cause as NodeJS.ErrnoException).code)))
      throw cause;
    writeFileSync(path, text, { flag: "wx" });
  } finally {
    rmSync(part, { force: true });
  }
}

/** Removes a lock whose holder has ended, but not the one that a third process made of it meanwhile. */
function setAside(path: string, text: string): void {
  const aside = partOf(path);
  try {
    renameSync(path, aside);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return;
    throw cause;
  }
  if (textOf(aside) !== text) putBack(aside, path);
  rmSync(aside, { force: true });
}

function putBack(aside: string, path: string): void {
  try {
    linkSync(aside, path);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "EEXIST") throw cause;
  }
}

/** Shows the machines that cannot see this process that it lives, for as long as the lock is its own. */
function held(path: string, own: string, every: number): Lock {
  const isOwn = () => textOf(path) === own;
  const touch = () => {
    try {
      if (isOwn()) utimesSync(path, new Date(), new Date());
    } catch {
      // What is unreachable is found out by the next write into the folder.
    }
  };
  const timer = setInterval(touch, every).unref();
  const release = () => {
    clearInterval(timer);
    if (isOwn()) rmSync(path, { force: true });
  };
  return Object.assign(release, { held: isOwn });
}

/** Whether a living process holds the lock. One that may not be read is somebody's. */
export function isLocked(path: string): boolean {
  try {
    const text = textOf(path);
    const touched = statSync(path, { throwIfNoEntry: false })?.mtimeMs;
    const holder = text === null ? null : parsed(text);
    return holder !== null && touched !== undefined && holds(holder, Date.now() - touched);
  } catch {
    return true;
  }
}

/** Null if there is no such file. */
function textOf(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    if (/^(ENOENT|ENOTDIR)$/.test(String((cause as NodeJS.ErrnoException).code))) return null;
    throw cause;
  }
}

/** Null for a text that names no process. */
function parsed(text: string): Holder | null {
  try {
    return holderOf(text);
  } catch {
    return null;
  }
}
