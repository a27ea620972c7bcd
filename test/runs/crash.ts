/**
 * Loaded before a program (node --import), sends it a signal at its n-th change of the disk: n is COMET_CRASH_AT, the
 * signal COMET_CRASH_BY. When that is SIGKILL, only half of what is to be written gets there, and of a folder that is to
 * be removed one file goes.
 */
import fs from "node:fs";
import promises from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

type Change = (...args: unknown[]) => unknown;

let left = Number(process.env.COMET_CRASH_AT ?? 0);

const signal = process.env.COMET_CRASH_BY ?? "SIGKILL";

function die(): never {
  process.kill(process.pid, "SIGKILL");
  for (;;);
}

/** Opening a file only to read it changes nothing. Node itself opens so every module that it loads. */
const onlyReads = (name: string, [, flags = "r"]: unknown[]): boolean =>
  name.startsWith("open") && (flags === "r" || flags === fs.constants.O_RDONLY);

/** `half` does a part of what was asked. */
function watch(target: object, name: string, half?: (change: Change, args: unknown[]) => unknown): void {
  const members = target as Record<string, Change>;
  const change = members[name]!;
  members[name] = function (this: unknown, ...args: unknown[]) {
    if (onlyReads(name, args)) return change.apply(this, args);
    left--;
    if (left !== 0) return change.apply(this, args);
    if (signal !== "SIGKILL") {
      process.kill(process.pid, signal);
      return change.apply(this, args);
    }
    const done = half?.(change, args);
    return done instanceof Promise ? done.then(die) : die();
  };
}

function halfOf(contents: unknown): Buffer {
  const parts = typeof contents === "string" || contents instanceof Uint8Array ? [contents] : contents;
  const bytes = Buffer.concat([...(parts as Iterable<string | Uint8Array>)].map((part) => Buffer.from(part)));
  return bytes.subarray(0, bytes.length >> 1);
}

const writeHalf = (change: Change, [file, contents]: unknown[]) => change(file, halfOf(contents));

function removeOne(_: Change, [path]: unknown[]): void {
  if (!fs.statSync(path as string).isDirectory()) return;
  const [first] = fs.readdirSync(path as string);
  if (first !== undefined) fs.unlinkSync(join(path as string, first));
}

if (left > 0) {
  for (const name of ["openSync", "fsyncSync", "ftruncateSync", "renameSync", "mkdirSync"]) watch(fs, name);
  for (const name of ["open", "mkdir", "rename"]) watch(promises, name);
  for (const name of ["writeSync", "writeFileSync"]) watch(fs, name, writeHalf);
  watch(promises, "writeFile", writeHalf);
  watch(fs, "rmSync", removeOne);
  watch(promises, "rm", removeOne);
  const file = await promises.open(fileURLToPath(import.meta.url));
  watch(Object.getPrototypeOf(file), "sync");
  await file.close();
  syncBuiltinESMExports();
}
