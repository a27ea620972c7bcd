/** results/NAME.json: what an experiment found, with all that is needed to judge and to repeat it. */
import { readdirSync, readFileSync } from "node:fs";
import { cpus, platform, release, totalmem } from "node:os";
import { join } from "node:path";
import { isRecord } from "../files/shape.js";
import type { Code } from "../runs/code.js";
import type { Manifest } from "../runs/manifest.js";
import type { Answer } from "./answer.js";
import type { Experiment, Scale } from "./experiment.js";
import type { PlannedRun } from "./planned-run.js";
import { codesOf, partsOf, type Standing } from "./standing.js";

/** This number grows when older versions could not read the file. */
export const resultVersion = 1;

export interface Machine {
  processor: string;
  cores: number;
  memoryBytes: number;
  system: string;
  node: string;
}

export function machineOfThis(): Machine {
  const processors = cpus();
  return {
    processor: processors[0]?.model.trim() ?? "unknown",
    cores: processors.length,
    memoryBytes: totalmem(),
    system: `${platform()} ${release()}`,
    node: process.version,
  };
}

/** A measurement as a result names it. */
export interface ResultMeasurement {
  label: string;
  command: string[];
  /** Of the machine and the code that measured it; null if it has not been measured. */
  machine: Machine | null;
  code: string | null;
  commit: string | null;
  written: string | null;
}

/** A run as a result names it. */
export interface ResultRun {
  label: string;
  seed: number;
  key: string;
  path: string | null;
  status: Manifest["status"] | "missing";
  steps: number;
  testAccuracy: number | null;
  weights: string | null;
  /** The sums and the commits of the code that computed it, or a part of it. */
  codes: string[];
  commits: string[];
  error: string | null;
  /** The processors that computed it, and its threads; null where the run does not say. */
  processors: string[] | null;
  threads: number | null;
}

export interface Result extends Pick<Experiment, "name" | "question" | "claim" | "difference">, Answer {
  version: typeof resultVersion;
  scale: Scale;
  data: { source: string; name: string; hash: string };
  /** The machine that wrote this; runs that were adopted may be of others. */
  machine: Machine;
  code: Code;
  written: string;
  command: string;
  /** Those of the runs that have ended. */
  seeds: number[];
  settings: Record<string, unknown>;
  runs: ResultRun[];
  measurements: ResultMeasurement[];
  /** What is missing or not as planned, as sentences. */
  notices: string[];
}

export function resultRun({ label, seed, key, steps }: PlannedRun, standing: Standing): ResultRun {
  if (standing.kind === "missing") {
    const unknown = {
      ...{ path: null, testAccuracy: null, weights: null, codes: [], commits: [], error: null },
      ...{ processors: null, threads: null },
    };
    return { label, seed, key, steps, status: "missing", ...unknown };
  }
  const { path, manifest } = standing;
  const { status, testAccuracy, weights, error } = manifest;
  return {
    ...{ label, seed, key, path, status, testAccuracy, weights, error },
    steps: manifest.steps,
    codes: codesOf(manifest),
    commits: [...new Set(partsOf(manifest).flatMap(({ commit }) => commit ?? []))],
    processors: processorsOf(manifest),
    threads: manifest.threads,
  };
}

function processorsOf(manifest: Manifest): string[] | null {
  const all = partsOf(manifest).flatMap(({ processor }) => processor ?? []);
  return all.length > 0 ? [...new Set(all)] : null;
}

/** The result in a file; null if it holds something else, or if there is none. */
export function resultAt(file: string): Result | null {
  try {
    const value: unknown = JSON.parse(readFileSync(file, "utf8"));
    const is = isRecord(value) && value.version === resultVersion && "question" in value;
    return is ? (value as unknown as Result) : null;
  } catch {
    return null;
  }
}

/** All results of a folder, by name; other files in it are left out. */
export const resultsIn = (folder: string): Result[] =>
  readdirSync(folder)
    .filter((name) => name.endsWith(".json"))
    .sort()
    .flatMap((name) => resultAt(join(folder, name)) ?? []);

/** Sentences on what of the plan is missing, failed, or of other code. */
export function noticesOf(runs: readonly ResultRun[], { code }: Code): string[] {
  const named = (some: readonly ResultRun[]) =>
    some.map(({ label, seed }) => `${label}, seed ${seed}`).join("; ");
  const notices: string[] = [];
  const unfinished = runs.filter(
    ({ status }) => status === "missing" || status === "interrupted" || status === "running",
  );
  if (unfinished.length > 0)
    notices.push(`These runs have not ended and are left out: ${named(unfinished)}.`);
  for (const { label, seed, error } of runs.filter(({ status }) => status === "failed")) {
    notices.push(`${label}, seed ${seed}, failed and is left out: ${error ?? "no reason recorded"}.`);
  }
  const foreign = runs.filter(({ codes }) => codes.some((other) => other !== code));
  if (foreign.length > 0) {
    const known = [...new Set(foreign.flatMap(({ commits }) => commits))];
    const commits = known.length > 0 ? known.join(", ") : "unknown commits";
    notices.push(`Other code than this result’s computed these runs (${commits}): ${named(foreign)}.`);
  }
  return notices;
}
