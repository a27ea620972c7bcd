/**
 * A run on disk: `runs/ID/` with
 *
 *   manifest.json   what is needed to repeat it: settings, seed, versions, data hash, profile; and how it ended
 *   metrics.jsonl   one TrainRecord a line, in the order of events
 *   checkpoints/    from which the run can be resumed: see checkpoint.ts
 *   lock, reserve   while a process writes the run; the latter is space for the last manifest on a full disk
 *   report.html     see report/
 *
 * The manifest is replaced as a whole (written beside it, then renamed), and the metrics only grow. So the part of a run
 * that is done can always be read, however the run ends. A copy that kept.ts makes has the first two alone, the second compressed.
 */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { type CometError, DataError, DiskError, UsageError } from "../error.js";
import { writeAtomically } from "../files/atomic.js";
import { makeNewFolder } from "../files/folder.js";
import { type Lock, takeLock } from "../files/lock.js";
import { removeAbandoned } from "../files/part.js";
import { refusal } from "../files/refusal.js";
import { reserve } from "../files/reserve.js";
import type { TrainRecord } from "../training/records.js";
import { checkpointsOf } from "./checkpoint.js";
import { Log, type Mark, readLog } from "./log.js";
import { type Manifest, readManifest } from "./manifest.js";

/** An open run, which only this process may write. */
export class RunFolder {
  readonly path: string;
  manifest: Manifest;
  readonly #lock: Lock;
  #log: Log | null = null;
  #giveBack = () => {};

  /** Makes a new folder. If `manifest.id` is taken, the run is `id-2`, `id-3`, … */
  static create(out: string, manifest: Manifest): RunFolder {
    let path: string | null = null;
    try {
      const id = makeNewFolder(out, manifest.id);
      path = join(out, id);
      const folder = new RunFolder(path, { ...manifest, id });
      folder.begin();
      return folder;
    } catch (cause) {
      // The run has not begun, so nothing of it stays.
      if (path !== null) rmSync(path, { recursive: true, force: true });
      throw unwritable("settings.out", out, cause);
    }
  }

  /** Opens an existing run. Nothing changes before `begin`. */
  static open(path: string): RunFolder {
    const manifest = readManifest(path);
    try {
      const folder = new RunFolder(path, manifest);
      for (const part of [path, checkpointsOf(path)]) removeAbandoned(part);
      return folder;
    } catch (cause) {
      if (cause instanceof UsageError) throw cause;
      throw unwritable(path, path, cause);
    }
  }

  private constructor(path: string, manifest: Manifest) {
    this.path = path;
    this.manifest = manifest;
    this.#lock = takeLock(join(path, "lock"));
  }

  /** `kept`: the first bytes of metrics.jsonl, which a resumed run keeps; the rest is cut off. */
  begin(changes: Partial<Manifest> = {}, kept?: Uint8Array): void {
    this.#log = new Log(join(this.path, "metrics.jsonl"), kept);
    this.#giveBack = reserve(join(this.path, "reserve"));
    this.update(changes);
  }

  /** Throws a UsageError if another process has taken the run over. */
  append(record: TrainRecord): void {
    if (!this.#lock.held()) {
      throw new UsageError({
        where: this.path,
        expected: "this process alone to work on the run",
        got: "another one, which took it over while this one was suspended",
        remedy: "leave the run to it",
      });
    }
    this.#log!.append(record);
  }

  /** The end of metrics.jsonl, which is on the disk up to there. */
  mark(): Mark {
    return this.#log!.mark();
  }

  update(changes: Partial<Manifest>): void {
    this.manifest = { ...this.manifest, ...changes };
    writeAtomically(join(this.path, "manifest.json"), `${JSON.stringify(this.manifest, null, 2)}\n`);
  }

  /** Records how the run ended, if it had begun, and releases the folder. */
  close(changes: Partial<Manifest> = {}): void {
    const log = this.#log;
    this.#log = null;
    try {
      this.#giveBack();
      if (log && this.#lock.held()) this.update({ ended: new Date().toISOString(), ...changes });
    } finally {
      log?.close();
      this.#lock();
    }
  }
}

function unwritable(where: string, folder: string, cause: unknown): CometError {
  const refused = refusal(folder, cause);
  if (refused instanceof DiskError) return refused;
  const got = `${folder} (${(cause as NodeJS.ErrnoException).code ?? cause})`;
  return new UsageError({
    where,
    expected: "a folder that can be written to",
    got,
    remedy: "choose another folder",
  });
}

export interface Run {
  path: string;
  manifest: Manifest;
  records: TrainRecord[];
}

/** A run as it is on disk, finished or not. Throws a DataError for a finished run whose records were cut off. */
export function readRun(path: string): Run {
  const manifest = readManifest(path);
  const file = join(path, "metrics.jsonl");
  const records = readLog(file);
  const steps = records.filter(({ kind }) => kind === "step").length;
  if (manifest.status !== "done" || steps >= manifest.steps) return { path, manifest, records };
  throw new DataError({
    where: file,
    expected: `the records of ${manifest.steps} steps, as manifest.json says`,
    got: `those of ${steps}`,
    remedy: "restore the file, or remove the run's folder and run it again",
  });
}
