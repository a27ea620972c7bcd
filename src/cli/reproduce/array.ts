/** The runs of an evaluation as a job array of Slurm, in place of a pool on this machine. */
import { createHash } from "node:crypto";
import { join, resolve } from "node:path";
import type { PlannedRun } from "../../experiments/planned-run.js";
import { writePlan } from "../jobs/plan-file.js";
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
  const path = resolve(out, "slurm", name);
  return { path, plan: join(path, "plan.json"), runs: resolve(out, "runs"), logs: join(path, "logs") };
}

/** Submits those of `runs` that are `open` and that no earlier job still has. Returns a sentence on what it did. */
export function submitRuns(
  runs: readonly PlannedRun[],
  open: ReadonlySet<PlannedRun>,
  options: ArrayOptions,
): string {
  const { out, adopt, anyCode, dryRun } = options;
  const folder = folderOf(runs, out);
  const jobs = jobsOf(folder);
  const waiting = jobs.length > 0 ? queued(jobs) : new Map();
  const indices = runs.flatMap((run, i) => (open.has(run) && !waiting.has(i) ? [i] : []));
  if (indices.length === 0) return `nothing to submit; ${waiting.size} tasks wait or run`;
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
