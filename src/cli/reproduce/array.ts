/** The runs of an evaluation as a job array of Slurm, in place of a pool on this machine. */
import { createHash } from "node:crypto";
import { existsSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { UsageError } from "../../error.js";
import type { PlannedRun } from "../../experiments/planned-run.js";
import { readPlan, writePlan } from "../jobs/plan-file.js";
import { addJob, jobsOf, makeSweepFolder, type SweepFolder } from "../sweep/folder.js";
import { type SlurmFlags, scriptOf } from "../sweep/script.js";
import { queued, submit } from "../sweep/slurm.js";

interface ArrayOptions extends SlurmFlags {
  out: string;
  adopt: readonly string[];
  anyCode: boolean;
  dryRun: boolean;
}

/** The plan and the jobs of the same runs are in the same folder, OUT/slurm/HASH. */
function folderOf(runs: readonly PlannedRun[], out: string): SweepFolder {
  const keys = JSON.stringify(runs.map(({ key, measured }) => [key, measured]));
  const name = createHash("sha256").update(keys).digest("hex").slice(0, 8);
  return folderAt(resolve(out, "slurm", name), out);
}

function folderAt(path: string, out: string): SweepFolder {
  return { path, plan: join(path, "plan.json"), runs: resolve(out, "runs"), logs: join(path, "logs") };
}

/**
 * The runs that wait or run in jobs of earlier commands with the same OUT. Where Slurm cannot be asked and nothing is `submitted`
 * either, none is known, and the lock of a run alone tells what is computed.
 */
export function queuedRuns(out: string, submitted: boolean): PlannedRun[] {
  const all = resolve(out, "slurm");
  if (!existsSync(all)) return [];
  return readdirSync(all).flatMap((name) => {
    const folder = folderAt(join(all, name), out);
    const tasks = [...queuedIfKnown(jobsOf(folder), submitted).keys()];
    if (tasks.length === 0) return [];
    const { runs } = readPlan(folder.plan);
    return tasks.flatMap((i) => runs[i] ?? []);
  });
}

function queuedIfKnown(jobs: readonly string[], submitted: boolean): ReadonlyMap<number, unknown> {
  try {
    return queued(jobs);
  } catch (cause) {
    if (submitted || !(cause instanceof UsageError)) throw cause;
    process.stderr.write(`comet: whether jobs ${jobs.join(", ")} still run is not known: ${cause.message}\n`);
    return new Map();
  }
}

/** Submits those of `runs` that are `open`; `waiting` others are in the queue. Returns a sentence on what it did. */
export function submitRuns(
  runs: readonly PlannedRun[],
  open: ReadonlySet<PlannedRun>,
  waiting: number,
  options: ArrayOptions,
): string {
  const { out, adopt, anyCode, dryRun } = options;
  const folder = folderOf(runs, out);
  const indices = runs.flatMap((run, i) => (open.has(run) ? [i] : []));
  if (indices.length === 0) return `nothing to submit; ${waiting} tasks wait or run`;
  const script = scriptOf(runs, indices, {
    ...options,
    name: "reproduce",
    plan: folder.plan,
    logs: folder.logs,
  });
  if (dryRun) return script;
  makeSweepFolder(folder);
  const adopted = adopt.map((path) => resolve(path));
  writePlan(folder.plan, { out: folder.runs, adopt: adopted, anyCode, runs: [...runs] });
  const job = submit(script);
  addJob(folder, job);
  return `submitted job ${job} with ${indices.length} tasks; the same command without --on slurm measures the rest and writes the results`;
}
