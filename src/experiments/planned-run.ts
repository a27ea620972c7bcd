/**
 * A planned run: all that decides what it computes, and a key by which the same run is found again, whoever computed it.
 * What changes no result (threads, memory, where the data lies) is not in the key, so a run folder of another machine
 * serves as well.
 */
import { createHash } from "node:crypto";
import type { Dataset } from "../data/dataset.js";
import { modelNamed } from "../models/models.js";
import type { DataSource, Manifest } from "../runs/manifest.js";
import { reads } from "../stores/registry.js";
import { endOf } from "../training/position.js";
import { checkRun, defaults, type Settings } from "../training/settings.js";
import type { GivenSettings } from "./experiment.js";

export interface PlannedRun {
  /** For the table of runs and for results: `COMET`, seed 1. */
  label: string;
  seed: number;
  key: string;
  settings: Settings;
  data: DataSource;
  /** The SHA-256 of the data. */
  hash: string;
  /** The number of steps. */
  steps: number;
  measured: Manifest["measured"];
  checkpointEvery: number;
}

/** Settings that change no result of a whole run. */
const free: ReadonlySet<string> = new Set(["threads", "memory", "stopAfter"]);

/** The first 16 digits of the SHA-256 of what decides a run's numbers, but for the code. */
export function keyOf(settings: Settings, hash: string, image: number): string {
  const deciding = Object.entries(settings)
    .filter(([name]) => !free.has(name) && reads(settings, name))
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash("sha256")
    .update(JSON.stringify([deciding, hash, image]))
    .digest("hex")
    .slice(0, 16);
}

/** The key of a run on disk. */
export const keyOfManifest = ({ settings, data }: Manifest): string => keyOf(settings, data.hash, data.image);

export interface RunToPlan {
  label: string;
  seed: number;
  settings: GivenSettings;
  data: DataSource;
  dataset: Pick<Dataset, "hash" | "train">;
  probeEvery?: number | undefined;
  auditEvery?: number | undefined;
  checkpointEvery?: number | undefined;
}

/** Fills in the defaults. Throws a UsageError for settings that make no sense together. */
export function planRun(run: RunToPlan): PlannedRun {
  const { label, seed, data, dataset, probeEvery = 0, auditEvery = 0, checkpointEvery = 0 } = run;
  const named = { ...defaults, threads: 1, ...(run.settings as Partial<Settings>), seed };
  const lr = (run.settings.lr as number | undefined) ?? modelNamed(named.model).lr;
  const settings = { ...named, lr };
  checkRun(settings);
  return {
    ...{ label, seed, settings, data, hash: dataset.hash, checkpointEvery },
    key: keyOf(settings, dataset.hash, data.image),
    steps: endOf(settings, dataset.train.length),
    measured: { probeEvery, auditEvery },
  };
}

/** Whether a run, on disk or in a queue, measures what is planned, or more. */
export const measuresEnough = ({ measured }: PlannedRun, run: Pick<Manifest, "measured">): boolean =>
  names.every((name) => measured[name] === 0 || measured[name] === run.measured[name]);

/**
 * Each run once, though several experiments may plan it. Where these measure different things of one run, it measures them
 * all; where they measure at different steps, there are two runs.
 */
export function distinctRuns(all: readonly PlannedRun[]): PlannedRun[] {
  const runs: PlannedRun[] = [];
  for (const run of all) {
    const at = runs.findIndex(
      ({ key, measured }) =>
        key === run.key && names.every((name) => agree(measured[name], run.measured[name])),
    );
    if (at < 0) {
      runs.push(run);
      continue;
    }
    const { measured, checkpointEvery } = runs[at]!;
    const [probeEvery, auditEvery] = names.map((name) => Math.max(measured[name], run.measured[name]));
    runs[at] = {
      ...runs[at]!,
      measured: { probeEvery: probeEvery!, auditEvery: auditEvery! },
      checkpointEvery: Math.max(checkpointEvery, run.checkpointEvery),
    };
  }
  return runs;
}

const names = ["probeEvery", "auditEvery"] as const;

/** 0 stands for never. */
const agree = (a: number, b: number): boolean => a === b || a === 0 || b === 0;
