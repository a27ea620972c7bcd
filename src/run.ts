/**
 * A run on disk: `runs/ID/` with
 *
 *   manifest.json   what is needed to repeat it: settings, seed, versions, data hash, profile; and how it ended
 *   metrics.jsonl   one TrainRecord a line, in the order of events
 *   report.html     see report/
 *
 * The manifest is replaced as a whole (written beside, then renamed); metrics only grow, so whatever ends a run, what
 * was done so far can be read.
 */
import { closeSync, openSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { writeAtomicallySync } from "./atomic.js";
import type { Profile } from "./device/module.js";
import { DataError, UsageError } from "./error.js";
import { makeNewFolder } from "./folder.js";
import type { TrainRecord } from "./records.js";
import type { Settings } from "./session.js";

/** Raised when a reader of today could not understand it. */
export const manifestVersion = 1;

export interface Manifest {
  version: typeof manifestVersion;
  id: string;
  /** Of comet-ts, Node, and the machine's architecture. */
  versions: { comet: string; node: string; arch: string };
  /** What computed: the settings ask, this says what was there. */
  profile: Profile;
  threads: number;
  settings: Settings;
  data: { name: string; hash: string; train: number; test: number };
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

/** An open run, for writing. A folder of its own: where `manifest.id` is taken, the run is `id-2`, `id-3`, … */
export class RunFolder {
  readonly path: string;
  manifest: Manifest;
  readonly #metrics: number;

  constructor(out: string, manifest: Manifest) {
    try {
      const id = makeNewFolder(out, manifest.id);
      this.path = join(out, id);
      this.manifest = { ...manifest, id };
      this.#metrics = openSync(join(this.path, "metrics.jsonl"), "wx");
    } catch (cause) {
      throw new UsageError({
        where: "--out",
        expected: "a folder that can be written to",
        got: `${out} (${(cause as NodeJS.ErrnoException).code ?? cause})`,
        remedy: "choose another folder",
      });
    }
    this.update({});
  }

  append(record: TrainRecord): void {
    writeSync(this.#metrics, `${JSON.stringify(record)}\n`);
  }

  update(changes: Partial<Manifest>): void {
    this.manifest = { ...this.manifest, ...changes };
    writeAtomicallySync(join(this.path, "manifest.json"), `${JSON.stringify(this.manifest, null, 2)}\n`);
  }

  close(changes: Partial<Manifest>): void {
    this.update({ ended: new Date().toISOString(), ...changes });
    closeSync(this.#metrics);
  }
}

export interface Run {
  path: string;
  manifest: Manifest;
  records: TrainRecord[];
}

/** A run as it is on disk, finished or not; a last line that was cut off is left out. */
export function readRun(path: string): Run {
  const complain = (file: string, got: string, remedy: string) =>
    new DataError({ where: join(path, file), expected: "a run's file", got, remedy });
  const read = (file: string) => {
    try {
      return readFileSync(join(path, file), "utf8");
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException;
      throw complain(file, String(code), "name a folder that comet train wrote, such as runs/ID");
    }
  };
  let manifest: Manifest;
  try {
    manifest = JSON.parse(read("manifest.json")) as Manifest;
  } catch (cause) {
    if (cause instanceof DataError) throw cause;
    throw complain("manifest.json", "text that is no JSON", "run the training again");
  }
  if (manifest.version !== manifestVersion) {
    throw complain(
      "manifest.json",
      `version ${manifest.version}`,
      "use the comet-ts that wrote it, or a newer one",
    );
  }
  const lines = read("metrics.jsonl").split("\n").slice(0, -1);
  const records = lines.map((line, i) => {
    try {
      return JSON.parse(line) as TrainRecord;
    } catch {
      throw complain("metrics.jsonl", `line ${i + 1} that is no JSON`, "restore the file or train again");
    }
  });
  return { path, manifest, records };
}
