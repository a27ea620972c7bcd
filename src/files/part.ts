/**
 * Files and folders that are being made, beside the place where they will be: `x.cmt` begins as
 * `x.cmt.comet-PID-BIRTH-N.part`. None stays behind: a signal that ends the program removes its own first, and what a
 * process leaves that was killed is removed by the next writer of the same place.
 */
import { existsSync, readdirSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { isLiving, ownProcess } from "./process.js";

const pattern = /^(.*)\.comet-(\d+)-(\d*)-\d+\.part$/;

let made = 0;

/** A name that no other part has, in this process or another. */
export function partOf(path: string): string {
  const { pid, birth } = ownProcess();
  made++;
  return `${path}.comet-${pid}-${birth}-${made}.part`;
}

/** Removes from a folder the parts of `name`, or all, whose process is gone. Leaves what it must not read or remove. */
export function removeAbandoned(folder: string, name?: string): void {
  try {
    if (!existsSync(folder)) return;
    for (const entry of readdirSync(folder)) {
      const [, target, pid, birth] = pattern.exec(entry) ?? [];
      if (target === undefined || (name !== undefined && target !== name)) continue;
      if (!isLiving({ pid: Number(pid), birth: birth! })) rmSync(join(folder, entry), { recursive: true });
    }
  } catch {
    // They are in nobody's way.
  }
}

/** The same for the parts of one place. */
export const removeAbandonedPartsOf = (path: string): void => removeAbandoned(dirname(path), basename(path));

const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
const guarded = new Set<string>();

/** From now until what is returned is called, a signal or an exit that ends the process removes `part` first. */
export function guard(part: string): () => void {
  if (!process.listeners("exit").includes(removeGuarded)) {
    // The first to be told sees the listeners that are removed once they are told.
    for (const signal of signals) process.prependListener(signal, endBySignal);
    process.on("exit", removeGuarded);
  }
  guarded.add(part);
  return () => {
    guarded.delete(part);
    // A signal that has come meanwhile is told in the next turn of the event loop, and must find a listener.
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
  // Where the program has a listener of its own, that decides how it ends.
  if (process.listenerCount(signal) > 1) return;
  removeGuarded();
  process.off(signal, endBySignal);
  process.kill(process.pid, signal);
}
