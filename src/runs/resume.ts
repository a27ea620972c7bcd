/**
 * Resuming a run: where it stands, and which changes of its settings still lead to the weights that it would have had
 * without the interruption. All other changes are refused.
 */
import { join } from "node:path";
import type { Dataset } from "../data/dataset.js";
import { DataError, UsageError } from "../error.js";
import { endOf, stepsDone, totalSteps } from "../training/position.js";
import { type Settings, scheduleOf } from "../training/settings.js";
import { type Checkpoint, checkpointsOf, listCheckpoints, readCheckpoint } from "./checkpoint.js";
import { readToMark } from "./log.js";
import type { Manifest } from "./manifest.js";

/** Where a run stands on disk. */
export interface Standing {
  /** Null if there is none yet: the run begins again. */
  checkpoint: Checkpoint | null;
  /** The part of metrics.jsonl that belongs to the checkpoint. */
  log: Uint8Array;
  /** Later checkpoints that are damaged, and their damage. */
  damaged: readonly { name: string; damage: string }[];
}

/**
 * Finds the latest checkpoint that is whole, with the records up to it. Throws a DataError if there are checkpoints and
 * none is whole. Changes nothing.
 */
export async function findStanding(run: string): Promise<Standing> {
  const damaged: { name: string; damage: string }[] = [];
  for (const name of await listCheckpoints(run)) {
    try {
      const checkpoint = await readCheckpoint(run, name);
      const log = readToMark(join(run, "metrics.jsonl"), checkpoint.state.log);
      return { checkpoint, log, damaged };
    } catch (cause) {
      if (!(cause instanceof DataError)) throw cause;
      damaged.push({ name, damage: `${cause.got} (${cause.where})` });
    }
  }
  if (damaged.length > 0) {
    throw new DataError({
      where: checkpointsOf(run),
      expected: "a whole checkpoint",
      got: damaged.map(({ name, damage }) => `in ${name} ${damage}`).join(", "),
      remedy: "remove the folder to begin again at the first step",
    });
  }
  return { checkpoint: null, log: new Uint8Array(), damaged };
}

/** The settings that may change when a run is resumed: they do not affect the steps that are done. */
const free: ReadonlySet<string> = new Set(["threads", "memory", "stopAfter", "epochs", "steps"]);

/**
 * The settings of a resumed run: those with which it began, and the changes that are `asked` for. Null if all its steps are
 * done and its manifest says so. Throws a UsageError for changes that would lead to other weights.
 */
export function settingsToGoOn(
  path: string,
  { settings: began, data, status, steps, measured }: Manifest,
  checkpoint: Checkpoint | null,
  asked: Readonly<Record<string, unknown>>,
): Settings | null {
  const before: Readonly<Record<string, unknown>> = { ...began, ...data, ...measured };
  for (const [setting, value] of Object.entries(asked)) {
    if (free.has(setting) || value === before[setting]) continue;
    throw new UsageError({
      where: `settings.${setting}`,
      expected: setting in before ? `${before[setting]}, as the run began` : "none for a run that is resumed",
      got: String(value),
      remedy: "leave it out, or begin a new run",
    });
  }
  const done = checkpoint ? stepsDone(checkpoint.state.position, began, data.train) : 0;
  // Each step has written a record, which is longer than one byte.
  if (checkpoint && done > checkpoint.state.log.bytes) {
    throw new DataError({
      where: join(checkpoint.path, "state.json"),
      expected: "a position that the run's records reach",
      got: `${done} steps in ${checkpoint.state.log.bytes} bytes of records`,
      remedy: "remove the checkpoint",
    });
  }
  // Where it was told to stop and has stopped, it need not stop again.
  const stopAfter = done <= began.stopAfter && status !== "done" ? began.stopAfter : 0;
  const wished = Object.fromEntries(Object.entries(asked).filter(([setting]) => free.has(setting)));
  const settings: Settings = { ...began, stopAfter, ...wished };
  if (checkpoint) checkHistory(path, checkpoint.state.settings, settings, done, data.train);
  const end = endOf(settings, data.train);
  if (done > end) throw nothingLeft(path, done, end);
  return status === "done" && steps >= end ? null : settings;
}

export const nothingLeft = (path: string, done: number, end: number): UsageError =>
  new UsageError({
    where: path,
    expected: "a run with steps left",
    got: `one that has done ${done} of ${end}`,
    remedy:
      "look at it with comet report, or ask for more settings.epochs if its settings.schedule is constant",
  });

/** Checks that the steps that are done are those of a run under `settings`. */
function checkHistory(path: string, then: Settings, settings: Settings, done: number, images: number): void {
  const other = (Object.keys(then) as (keyof Settings)[]).find(
    (key) => !free.has(key) && then[key] !== settings[key],
  );
  if (other !== undefined) {
    throw new DataError({
      where: join(path, "manifest.json"),
      expected: `${other} ${then[other]}, as its checkpoint says`,
      got: String(settings[other]),
      remedy: "restore the file, or begin a new run",
    });
  }
  const rates = [then, settings].map((of) => {
    const [schedule, total] = [scheduleOf(of), totalSteps(of, images)];
    return (step: number) => schedule(step, total);
  });
  let same = 0;
  while (same < done && rates[0]!(same) === rates[1]!(same)) same++;
  if (same === done) return;
  throw new UsageError({
    where: settings.epochs === then.epochs ? "settings.steps" : "settings.epochs",
    expected: `${totalSteps(then, images)} steps in all, to which the learning rate has been falling`,
    got: `${totalSteps(settings, images)}`,
    remedy: "leave it out, or begin a new run; one with settings.schedule constant can be made longer",
  });
}

/** Throws a DataError unless this is the data with which the run began. */
export function checkData({ data }: Manifest, dataset: Dataset): void {
  if (dataset.hash === data.hash) return;
  throw new DataError({
    where: "settings.data",
    expected: `the data that the run began with, SHA-256 ${data.hash.slice(0, 16)}…`,
    got: `${dataset.name}, ${dataset.hash.slice(0, 16)}…`,
    remedy: "restore its files, say where they are with settings.data, or begin a new run",
  });
}
