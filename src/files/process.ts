/** Identifies a process by its number and its start time, because the system gives the same number again later. */
import { readFileSync } from "node:fs";

export interface ProcessName {
  pid: number;
  /** The start time in ticks since boot; "" where there is no /proc. */
  birth: string;
}

export const ownProcess = (): ProcessName => ({ pid: process.pid, birth: birthOf(process.pid) });

export const isLiving = ({ pid, birth }: ProcessName): boolean =>
  lives(pid) && birthOf(pid) === birth && !hasEnded(pid);

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

/** Field 22 of the process's line. */
const birthOf = (pid: number): string => fieldsOf(pid)[22 - 3] ?? "";

/** Whether it has ended and only waits until its parent asks how: such a process holds nothing any more. */
const hasEnded = (pid: number): boolean => /^[ZX]$/.test(fieldsOf(pid)[0] ?? "");

/** The fields of /proc/PID/stat from the third on; none where there is no /proc. */
function fieldsOf(pid: number): string[] {
  try {
    // The command's name, in parentheses, may hold spaces; field 3 follows it.
    return readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)!.split(" ");
  } catch {
    return [];
  }
}
