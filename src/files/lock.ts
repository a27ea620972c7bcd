/**
 * A lock that allows one writer at a time: a file that names the process that holds it. If that process has
 * ended, for whatever reason, the lock is taken over.
 */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { UsageError } from "../error.js";

/**
 * Makes the lock file and returns a function that removes it. Throws a UsageError while another living
 * process holds the lock.
 */
export function takeLock(path: string): () => void {
  const own = `${process.pid} ${birthOf(process.pid)}`;
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
      if (holder === own || isLiving(holder)) {
        throw new UsageError({
          where: path,
          expected: "no other process working on this run",
          got: `process ${holder.split(" ")[0]}`,
          remedy: "wait until it has ended, or end it",
        });
      }
      rmSync(path, { force: true });
    }
  }
}

function isLiving(holder: string): boolean {
  const [pid, birth] = holder.split(" ");
  return lives(Number(pid)) && birthOf(Number(pid)) === birth;
}

function read(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}

function lives(pid: number): boolean {
  if (!(pid > 0)) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (cause) {
    // A process of another user cannot be signalled, but it is alive.
    return (cause as NodeJS.ErrnoException).code === "EPERM";
  }
}

/**
 * The start time of a process in ticks since boot, which tells apart processes that got the same number. ""
 * where there is no /proc.
 */
function birthOf(pid: number): string {
  // The command's name, in parentheses, may contain spaces; field 3 follows it.
  const fields = read(`/proc/${pid}/stat`)?.split(") ").at(-1)?.split(" ");
  return fields?.[22 - 3] ?? "";
}
