/**
 * Parts: files and folders that are still being written, beside their final place. `x.cmt` is written as
 * `x.cmt.comet-PID-BIRTH-N.part`. A program that a signal ends removes its parts first. A killed process leaves its
 * part, and the next writer of the same place removes it.
 */
import { existsSync, readdirSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { isLiving, ownProcess } from "./process.js";

const pattern = /^(.*)\.comet-(\d+)-(\d*)-\d+\.part$/;

let made = 0;

/** Returns a name for a part that no other part has, in this process or another. */
export function partOf(path: string): string {
  const { pid, birth } = ownProcess();
  made++;
  return `${path}.comet-${pid}-${birth}-${made}.part`;
}

/**
 * Removes parts from a folder whose process no longer exists: those of the file `name`, or all. Ignores what it may not
 * read or remove.
 */
export function removeAbandoned(folder: string, name?: string): void {
  try {
    if (!existsSync(folder)) return;
    for (const entry of readdirSync(folder)) {
      const [, target, pid, birth] = pattern.exec(entry) ?? [];
      if (target === undefined || (name !== undefined && target !== name)) continue;
      if (!isLiving({ pid: Number(pid), birth: birth! })) rmSync(join(folder, entry), { recursive: true });
    }
  } catch {
    // A part that stays does no harm.
  }
}

/** Removes the abandoned parts of one place. */
export const removeAbandonedPartsOf = (path: string): void => removeAbandoned(dirname(path), basename(path));

const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
const guarded = new Set<string>();

/** Makes a signal or an exit that ends the process remove `part` first, until the returned function is called. */
export function guard(part: string): () => void {
  if (!process.listeners("exit").includes(removeGuarded)) {
    // It must run before other listeners: one that was added with `once` is removed before it runs.
    for (const signal of signals) process.prependListener(signal, endBySignal);
    process.on("exit", removeGuarded);
  }
  guarded.add(part);
  return () => {
    guarded.delete(part);
    // A signal that arrived meanwhile is delivered in the next turn of the event loop, and must find a listener.
    setImmediate(() => setImmediate(unguard));
  };
}

function unguard(): void {
  if (guarded.size > 0) return;
  for (const signal of signals) process.off(signal, endBySignal);
  process.off("exit", removeGuarded);
}

function removeGuarded(): void {
  for (const part of guarded) {
    try {
      rmSync(part, { recursive: true, force: true });
    } catch {
      // The next writer of the same place removes it.
    }
  }
  guarded.clear();
}

function endBySignal(signal: NodeJS.Signals): void {
  // If the program has a listener of its own, that listener decides how the program ends.
  if (process.listenerCount(signal) > 1) return;
  removeGuarded();
  process.off(signal, endBySignal);
  process.kill(process.pid, signal);
}
