/** manifest.json: all that is needed to repeat a run, and how it ended. It is checked when it is read. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Profile } from "../device/kernel-module.js";
import { DataError } from "../error.js";
import * as is from "../files/shape.js";
import { type Settings, settingsTable } from "../training/settings.js";

/** Raised when a reader of today could not understand it. */
export const manifestVersion = 1;

/** What `comet train` was told of where its data is and how to read it. */
export interface DataSource {
  source: string;
  image: number;
  skipBad: boolean;
}

export interface Manifest {
  version: typeof manifestVersion;
  id: string;
  /** Of comet-ts, Node, and the machine's architecture. */
  versions: { comet: string; node: string; arch: string };
  /** What computed: the settings ask, this says what was there. */
  profile: Profile;
  threads: number;
  settings: Settings;
  data: { name: string; hash: string; train: number; test: number } & DataSource;
  /** Every how many steps gradients and frames were compared with the originals. */
  measured: { probeEvery: number; auditEvery: number };
  /** Steps from one checkpoint to the next; 0: one after each epoch; null: none at all. */
  checkpointEvery: number | null;
  /** When it went on, at which step, and under which versions. */
  resumed?: readonly { at: string; step: number; versions: Manifest["versions"] }[];
  /** Damaged images that were left out, sorted; absent where none was. */
  skipped?: readonly string[];
  /** ISO times. */
  started: string;
  ended: string | null;
  status: "running" | "done" | "interrupted" | "failed";
  /** Why, if it failed. */
  error: string | null;
  steps: number;
  /** Share of the test split classified rightly, at the end of the last epoch, whole or cut short by --steps. */
  testAccuracy: number | null;
  /** SHA-256 of weights and running statistics at the end. */
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

const versions = is.object<Manifest["versions"]>({ comet: is.text, node: is.text, arch: is.text });

export const manifestShape = is.object<Manifest>(
  {
    version: is.oneOf(1),
    id: is.text,
    versions,
    profile: is.oneOf("strict", "fused"),
    threads: is.count,
    settings: settingsShape,
    data: is.object<Manifest["data"]>({
      name: is.text,
      hash: is.text,
      train: is.count,
      test: is.count,
      source: is.text,
      image: is.number,
      skipBad: is.flag,
    }),
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

/** A DataError for what is no run, or a newer one than this comet-ts knows. */
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
  return is.check(value, manifestShape, where, remedy);
}
