/**
 * What is done and what it found, kept in a file, so that an interrupted run goes on. Findings belong to the code that
 * they were found with: they carry its hash, and under another hash they count for nothing.
 */
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { writeAtomicallySync } from "../../src/atomic.js";
import { type Found, type Job, nothingFound } from "./job.js";

export interface Progress {
  code: string;
  /** Portions done. */
  done: number[];
  found: Found;
}

export type State = Record<string, Progress>;

const root = fileURLToPath(new URL("../../../", import.meta.url));

/** SHA-256 of some files and of all files in some folders, by path. */
function hashOf(paths: readonly string[]): string {
  const hash = createHash("sha256");
  for (const path of paths) {
    const files = path.endsWith("/") ? readdirSync(root + path, { recursive: true, encoding: "utf8" }) : [""];
    for (const file of files.sort()) {
      if (/\.(js|wasm)$/.test(path + file)) hash.update(path + file).update(readFileSync(root + path + file));
    }
  }
  return hash.digest("hex").slice(0, 16);
}

const codec = ["build/codec.wasm", "dist/src/codec/"];
const laws = ["dist/test/laws/", "dist/test/arbitrary/"];
/** The code that findings depend on. */
const code = {
  sweep: hashOf([...codec, "dist/test/laws/sweep.js"]),
  frames: hashOf([...codec, "dist/test/laws/hostile.js"]),
  codec: hashOf([...codec, ...laws]),
  kernels: hashOf([...codec, ...laws, "build/comet.wasm", "dist/src/kernels/"]),
};

/** The hash of the code that a job's findings depend on. */
export function codeOf({ kind, name }: Job): string {
  if (kind !== "law") return code[kind];
  return name.startsWith("codec:") ? code.codec : code.kernels;
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
  writeAtomicallySync(path, JSON.stringify(state));
}
