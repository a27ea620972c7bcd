/** manifest.json: all that is needed to repeat a run, and how it ended. It is checked when it is read. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Profile } from "../device/kernel-module.js";
import { DataError } from "../error.js";
import * as is from "../files/shape.js";
import { defaultsOf } from "../setting.js";
import { storeSettings } from "../stores/registry.js";
import { type Settings, settingsTable } from "../training/settings.js";
import type { Code } from "./code.js";

/** This number grows when older versions could not read the file. */
export const manifestVersion = 1;

/** The data set of a run: where it is, and how it is read. */
export interface DataSource {
  source: string;
  image: number;
  skipBad: boolean;
  /** Missing in runs of earlier versions. */
  maxPixels?: number;
}

export interface Manifest {
  version: typeof manifestVersion;
  id: string;
  /**
   * The versions of comet-ts and Node, the machine's architecture and processor, and the code by its sum and its commit (see
   * Code); runs of earlier versions lack the processor, or the code too.
   */
  versions: { comet: string; node: string; arch: string; processor?: string } & Partial<Code>;
  /** The profile and the number of threads that the run really had. */
  profile: Profile;
  threads: number;
  settings: Settings;
  data: { name: string; hash: string; train: number; test: number } & DataSource;
  /** The number of steps from one comparison with the originals to the next; 0: none. */
  measured: { probeEvery: number; auditEvery: number };
  /** The number of steps from one checkpoint to the next; 0: one after each epoch; null: no checkpoints. */
  checkpointEvery: number | null;
  /** When the run was resumed, at which step, and under which versions. */
  resumed?: readonly { at: string; step: number; versions: Manifest["versions"] }[];
  /** The damaged images that were left out, sorted; absent if there were none. */
  skipped?: readonly string[];
  /** Times in ISO format. */
  started: string;
  ended: string | null;
  status: "running" | "done" | "interrupted" | "failed";
  /** The reason, if the run failed. */
  error: string | null;
  steps: number;
  /** The share of the test split that is classified correctly after the last epoch, be it whole or cut short. */
  testAccuracy: number | null;
  /** The SHA-256 of weights and running statistics at the end. */
  weights: string | null;
  /** The most resident memory seen, in bytes: the operating system's figure for the whole process. */
  residentPeakBytes: number;
}

/** A run's settings, each as its own declaration accepts it. */
export const settingsShape = is.object<Settings>(
  Object.fromEntries(
    Object.entries(settingsTable).map(([name, { expected, accepts }]) => [name, is.one(expected, accepts)]),
  ) as unknown as Parameters<typeof is.object<Settings>>[0],
);

/**
 * A file's content, with the default for each store setting that its settings lack, and for `momentumType`: the file may be
 * older than the setting.
 */
export function withStoreDefaults(value: unknown): unknown {
  if (!is.isRecord(value) || !is.isRecord(value.settings)) return value;
  const { settings } = value;
  const { momentumType } = settingsTable;
  const missing = Object.entries(defaultsOf({ ...storeSettings, momentumType })).filter(
    ([name]) => !Object.hasOwn(settings, name),
  );
  return { ...value, settings: { ...settings, ...Object.fromEntries(missing) } };
}

const versions = is.object<Manifest["versions"]>(
  {
    ...{ comet: is.text, node: is.text, arch: is.text, processor: is.text, code: is.text },
    commit: is.nullable(is.text),
  },
  ["processor", "code", "commit"],
);

export const manifestShape = is.object<Manifest>(
  {
    version: is.oneOf(1),
    id: is.text,
    versions,
    profile: is.oneOf("strict", "fused"),
    threads: is.count,
    settings: settingsShape,
    data: is.object<Manifest["data"]>(
      {
        name: is.text,
        hash: is.text,
        train: is.count,
        test: is.count,
        source: is.text,
        image: is.number,
        skipBad: is.flag,
        maxPixels: is.number,
      },
      ["maxPixels"],
    ),
    measured: is.object<Manifest["measured"]>({ probeEvery: is.count, auditEvery: is.count }),
    checkpointEvery: is.nullable(is.count),
    resumed: is.list(is.object({ at: is.text, step: is.count, versions })),
    skipped: is.list(is.text),
    started: is.text,
    ended: is.nullable(is.text),
    status: is.oneOf("running", "done", "interrupted", "failed"),
    error: is.nullable(is.text),
    steps: is.count,
    testAccuracy: is.nullable(is.number),
    weights: is.nullable(is.text),
    residentPeakBytes: is.count,
  },
  ["resumed", "skipped"],
);

/** Reads a run's manifest. Throws a DataError if the folder is not a run, or is of a newer version. */
export function readManifest(path: string): Manifest {
  const file = join(path, "manifest.json");
  const complain = (got: string, remedy: string) =>
    new DataError({ where: file, expected: "a run's file", got, remedy });
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw complain(String(code), "name a folder that comet train wrote, such as runs/ID");
  }
  return parseManifest(text, file);
}

/** `where` names the file in errors. */
export function parseManifest(text: string, where: string): Manifest {
  const remedy = "restore the file, or run the training again";
  const value = is.parseJson(text, where, remedy);
  const version = is.isRecord(value) ? value.version : undefined;
  if (version !== undefined && version !== manifestVersion) {
    throw new DataError({
      where,
      expected: "a run's file",
      got: `version ${is.shown(version)}`,
      remedy: "use the comet-ts that wrote it, or a newer one",
    });
  }
  return is.check(withStoreDefaults(value), manifestShape, where, remedy);
}
