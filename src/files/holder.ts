/**
 * Who holds a lock: a process, on a machine, perhaps as a task of a job. Whether it still lives can be asked of the system
 * only from the same machine and the same namespace of process numbers (a container has its own). From elsewhere, its lock
 * file must say so: the holder touches it every half minute.
 */
import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";
import { isLiving, ownProcess, type ProcessName } from "./process.js";
import { isRecord, parseJson } from "./shape.js";

export interface Holder extends ProcessName {
  host: string;
  /** The start of the system, and the namespace of process numbers; "" where there is no /proc. */
  boot: string;
  namespace: string;
  /** The number that the system was given when it was installed; "" where there is none. */
  machine: string;
  /** The Slurm job and how often it was requeued; "" and 0 outside one. */
  job: string;
  restart: number;
}

/** The milliseconds between two signs of life. */
export const touchEvery = 30_000;

/** A lock of another machine that was not touched for so long is abandoned: a step may take minutes. */
export const silence = 600_000;

export const ownHolder = (): Holder => ({
  ...ownProcess(),
  host: hostname(),
  boot: orEmpty(() => readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()),
  namespace: orEmpty(() => readlinkSync("/proc/self/ns/pid")),
  machine: orEmpty(() => readFileSync("/etc/machine-id", "utf8").trim()),
  job: process.env.SLURM_JOB_ID ?? "",
  restart: Number(process.env.SLURM_RESTART_COUNT ?? 0),
});

function orEmpty(read: () => string): string {
  try {
    return read();
  } catch {
    return "";
  }
}

/** The text of a lock file. Locks of earlier versions hold a process of this machine alone. */
export function holderOf(text: string): Holder {
  const value = text.startsWith("{") ? parseJson(text, "lock", "remove it") : null;
  if (isRecord(value)) return { ...ownHolder(), job: "", restart: 0, ...value } as Holder;
  const [pid, birth = ""] = text.split(" ");
  return { ...ownHolder(), job: "", restart: 0, pid: Number(pid), birth };
}

/** `silentMs`: for how long the holder has not touched its lock. */
export function holds(holder: Holder, silentMs: number, own = ownHolder()): boolean {
  // Slurm starts a task again only after its former process has ended, perhaps on another machine.
  if (holder.job !== "" && holder.job === own.job && holder.restart < own.restart) return false;
  if (holder.host === own.host && holder.namespace === own.namespace && holder.machine === own.machine) {
    if (holder.boot === own.boot) return isLiving(holder);
    // This system was started again since. Containers are left out: those of one image may have one number.
    if (own.machine !== "" && own.namespace === outermost) return false;
  }
  return silentMs < silence;
}

/** Linux gives this number to the namespace of all processes. */
const outermost = "pid:[4026531836]";
