/**
 * A lock that allows one writer at a time: a file that names the process that holds it. If that process has
 * ended, for whatever reason, the lock is taken over.
 */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { UsageError } from "../error.js";
import { isLiving, ownProcess } from "./process.js";

/**
 * Makes the lock file and returns a function that removes it. Throws a UsageError while another living
 * process holds the lock.
 */
export function takeLock(path: string): () => void {
  const { pid, birth } = ownProcess();
  const own = `${pid} ${birth}`;
  for (;;) {
    try {
      writeFileSync(path, own, { flag: "wx" });
      let held = true;
      return () => {
        if (held) rmSync(path, { force: true });
        held = false;
      };
    } catch (cause) {
      const holder = read(path);
      if ((cause as NodeJS.ErrnoException).code !== "EEXIST" || holder === null) throw cause;
      const [number] = holder.split(" ");
      if (isLocked(path)) {
        throw new UsageError({
          where: path,
          expected: "no other process working on this run",
          got: `process ${number}`,
          remedy: "wait until it has ended, or end it",
        });
      }
      rmSync(path, { force: true });
    }
  }
}

/** Whether a living process holds the lock. */
export function isLocked(path: string): boolean {
  const [number, birth = ""] = (read(path) ?? "").split(" ");
  return isLiving({ pid: Number(number), birth });
}

function read(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}
