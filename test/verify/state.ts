/**
 * What is done and what it found, kept in a file, so that an interrupted run goes on. Findings belong to the code that
 * they were found with: they carry its hash, and under another hash they count for nothing.
 */
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { writeAtomically } from "../../src/files/atomic.js";
import { type Found, type Job, nothingFound } from "./job.js";

export interface Progress {
  code: string;
  /** Portions done. */
  done: number[];
  found: Found;
}

export type State = Record<string, Progress>;

const root = new URL("../../../", import.meta.url);

/** A compiled module and all that it imports from here, by path. */
function* reachable(module: URL, seen = new Set<string>()): Generator<[path: string, text: string]> {
  if (seen.has(module.href)) return;
  seen.add(module.href);
  const text = readFileSync(module, "utf8");
  // A comment changes no result.
  yield [module.href.slice(root.href.length), text.replace(/^\s*(\/\/|\/?\*).*\n/gm, "")];
  for (const [, path] of text.matchAll(/from "(\.[^"]+)"/g)) yield* reachable(new URL(path!, module), seen);
}

/** The first 16 digits of the SHA-256 of modules, with what they import, and of wasm builds. */
function hashOf(modules: readonly string[], builds: readonly string[]): string {
  const hash = createHash("sha256");
  const files = new Map(modules.flatMap((module) => [...reachable(new URL(`dist/${module}.js`, root))]));
  for (const path of [...files.keys()].sort()) hash.update(path).update(files.get(path)!);
  for (const build of builds) hash.update(readFileSync(new URL(`build/${build}.wasm`, root)));
  return hash.digest("hex").slice(0, 16);
}

const code = {
  sweep: hashOf(["test/laws/sweep"], ["codec"]),
  halves: hashOf(["test/laws/halves"], []),
  frames: hashOf(["test/laws/hostile"], ["codec"]),
  codec: hashOf(["test/laws/codec", "src/codec/index", "src/codec/reference"], ["codec"]),
  kernels: hashOf(["test/laws/long"], ["codec", "comet"]),
};

/** The hash of the code that a job's findings depend on. */
export function codeOf(job: Job): string {
  if (job.kind === "sweep") return job.quantizer === "halves" ? code.halves : code.sweep;
  if (job.kind === "frames") return code.frames;
  return job.name.startsWith("codec:") ? code.codec : code.kernels;
}

export function load(path: string, jobs: readonly Job[]): State {
  let kept: State = {};
  try {
    kept = JSON.parse(readFileSync(path, "utf8")) as State;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
  return Object.fromEntries(
    jobs.map((job): [string, Progress] => {
      const old = kept[job.name];
      const current = old?.code === codeOf(job) && old.done.every((portion) => portion < job.portions);
      return [job.name, current ? old : { code: codeOf(job), done: [], found: nothingFound(job.kind) }];
    }),
  );
}

export function save(path: string, state: State): void {
  mkdirSync(dirname(path), { recursive: true });
  writeAtomically(path, JSON.stringify(state));
}
