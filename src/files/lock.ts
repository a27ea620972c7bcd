/**
 * A lock that allows one writer at a time: a file that names the process that holds it. If that process has ended, for
 * whatever reason, the lock is taken over. Processes of other machines that share the disk count as well: see holder.ts.
 */
import { readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { UsageError } from "../error.js";
import { type Holder, holderOf, holds, ownHolder, touchEvery } from "./holder.js";

/**
 * Makes the lock file and returns a function that removes it. Throws a UsageError while another living
 * process holds the lock.
 */
export function takeLock(path: string): () => void {
  const own = JSON.stringify(ownHolder());
  for (;;) {
    try {
      writeFileSync(path, own, { flag: "wx" });
      return held(path);
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== "EEXIST") throw cause;
      const holder = holderIn(path);
      if (holder && isLocked(path)) {
        const here = holder.host === ownHolder().host;
        throw new UsageError({
          where: path,
          expected: "no other process working on this run",
          got: `process ${holder.pid}${here ? "" : ` on ${holder.host}`}`,
          remedy: here
            ? "wait until it has ended, or end it"
            : "wait until it has ended, or end it; if that machine is gone, wait ten minutes, or remove the file",
        });
      }
      rmSync(path, { force: true });
    }
  }
}

/** Shows the machines that cannot see this process that it lives, and returns a function that gives the lock back. */
function held(path: string): () => void {
  const touch = () => {
    try {
      utimesSync(path, new Date(), new Date());
    } catch {
      // What is gone or unreachable is found out by the next write into the folder.
    }
  };
  const timer = setInterval(touch, touchEvery).unref();
  let mine = true;
  return () => {
    clearInterval(timer);
    if (mine) rmSync(path, { force: true });
    mine = false;
  };
}

/** Whether a living process holds the lock. */
export function isLocked(path: string): boolean {
  const holder = holderIn(path);
  const touched = statSync(path, { throwIfNoEntry: false })?.mtimeMs;
  return holder !== null && touched !== undefined && holds(holder, Date.now() - touched);
}

/** Null if there is no lock file, or if it is damaged. */
function holderIn(path: string): Holder | null {
  try {
    return holderOf(readFileSync(path, "utf8"));
  } catch {
    return null;
  }
}
