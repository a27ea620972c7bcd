/**
 * One writer at a time: a file that names the process that holds it. A process that ended, in whatever way, holds
 * nothing, and its lock is taken over.
 */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { UsageError } from "../error.js";
import { isLiving, ownProcess } from "./process.js";

/** Makes the lock file; returns what removes it. A UsageError while another living process holds it. */
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
      const [number, born = ""] = holder.split(" ");
      if (isLiving({ pid: Number(number), birth: born })) {
        throw new UsageError({
          where: path,
          expected: "no other process at work on this run",
          got: `process ${number}`,
          remedy: "wait until it has ended, or end it",
        });
      }
      rmSync(path, { force: true });
    }
  }
}

function read(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}
