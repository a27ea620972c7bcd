/**
 * results.json of a sweep: what its runs ended with, by the key of each. It holds only what does not depend on the machine,
 * so a sweep has the same bytes here wherever it was computed; where and when is in origins.json beside it.
 */
import { join } from "node:path";
import {
  type FoundRun,
  findRuns,
  foreignRun,
  type Standing,
  standingOf,
} from "../../experiments/standing.js";
import { writeAtomically } from "../../files/atomic.js";
import type { Code } from "../../runs/code.js";
import { readRun } from "../../runs/run.js";
import { Summarizer } from "../../runs/summary.js";
import type { Plan } from "../jobs/plan-file.js";
import type { SweepFolder } from "./folder.js";

/** This number grows when older versions could not read the file. */
const collectedVersion = 1;

export interface CollectedRun {
  index: number;
  label: string;
  seed: number;
  key: string;
  steps: number;
  testAccuracy: number | null;
  finalLoss: number | null;
  /** The SHA-256 of all weights and running statistics. */
  weights: string | null;
  convRatio: number | null;
  savedPeakBytes: number;
  devicePeakBytes: number;
}

export interface Collected {
  results: { version: number; code: string; runs: CollectedRun[] };
  /** The labels of runs that have not ended. */
  missing: string[];
}

export const standingsOf = ({ runs, out, adopt, anyCode }: Plan, code: Code): Standing[] => {
  const found = findRuns([out, ...adopt]);
  return runs.map((run) => standingOf(run, found, code, anyCode));
};

/** Throws a DataError for runs of other code, and a DiskError if the files do not fit; the files before stay then. */
export function collect(plan: Plan, folder: SweepFolder, code: Code): Collected {
  const runs: CollectedRun[] = [];
  const origins: Record<string, object> = {};
  const missing: string[] = [];
  for (const [index, standing] of standingsOf(plan, code).entries()) {
    const { label, seed, key } = plan.runs[index]!;
    if (standing.kind === "foreign") throw foreignRun(standing, code);
    if (standing.kind !== "done") {
      missing.push(standing.kind === "missing" ? label : `${label} (${standing.kind})`);
      continue;
    }
    runs.push({ index, label, seed, key, ...endOf(standing) });
    origins[key] = originOf(standing);
  }
  const results = { version: collectedVersion, code: code.code, runs };
  const write = (name: string, value: object) =>
    writeAtomically(join(folder.path, name), `${JSON.stringify(value, null, 1)}\n`);
  write("results.json", results);
  write("origins.json", origins);
  return { results, missing };
}

function endOf({ path, manifest }: FoundRun): Omit<CollectedRun, "index" | "label" | "seed" | "key"> {
  const summarizer = new Summarizer();
  for (const record of readRun(path).records) summarizer.add(record);
  const { testAccuracy, finalLoss, convRatio, savedPeakBytes, devicePeakBytes } = summarizer.summary;
  const { steps, weights } = manifest;
  return { steps, testAccuracy, finalLoss, weights, convRatio, savedPeakBytes, devicePeakBytes };
}

function originOf({ path, manifest }: FoundRun): object {
  const { versions, resumed = [], started, ended, threads, residentPeakBytes } = manifest;
  return { path, versions, resumed, started, ended, threads, residentPeakBytes };
}
