/** Computes what an evaluation lacks by a pool of processes: runs beside each other, and each measurement alone. */
import { join } from "node:path";
import { CometError } from "../../error.js";
import type { PlannedRun } from "../../experiments/planned-run.js";
import { liveTable } from "../jobs/live.js";
import { jobOf, withOwnPlan } from "../jobs/planned-jobs.js";
import { type Job, roomOfThis, runPool } from "../jobs/pool.js";
import { keepMeasurement } from "./measurements.js";
import type { PlannedMeasurement } from "./plan.js";

export interface ComputeOptions {
  out: string;
  adopt: string[];
  anyCode: boolean;
  /** Processes at once; undefined: as many as cores and memory allow. */
  jobs: number | undefined;
}

export interface Computed {
  /** Whether all was started, and not told to end before. */
  whole: boolean;
  /** Why measurements that ended were not kept. */
  problems: string[];
}

/** `names`: the experiment of each run and measurement, by its key. */
export async function computeAll(
  runs: readonly PlannedRun[],
  measuring: readonly PlannedMeasurement[],
  { jobs: processes, out, adopt, anyCode }: ComputeOptions,
  names: ReadonlyMap<string, string>,
): Promise<Computed> {
  const problems: string[] = [];
  if (runs.length + measuring.length === 0) return { whole: true, problems };
  const whole = await withOwnPlan(
    { out: join(out, "runs"), adopt, anyCode, runs: [...runs] },
    async (plan) => {
      const training = runs.map((run, i) =>
        jobOf(run, `${names.get(run.key)}: ${run.label}, seed ${run.seed}`, plan, i),
      );
      const measured = new Map(
        measuring.map((each) => [measuringJob(each, `${names.get(each.key)}: ${each.label}`), each] as const),
      );
      // The longest runs first, so that no long one is left at the end; measurements have the pool for themselves.
      const jobs = [...training.sort((a, b) => b.steps - a.steps), ...measured.keys()];
      const room = { ...roomOfThis(), processes };
      const table = liveTable(jobs, room);
      try {
        return await runPool(jobs, room, {
          ...table,
          ended(job, end) {
            const measurement = measured.get(job);
            if (measurement && end.code === 0) {
              const problem = problemOfKeeping(out, measurement, end.output);
              if (problem !== null) problems.push(`“${job.title}” was measured and not kept: ${problem}`);
            }
            table.ended?.(job, end);
          },
        });
      } finally {
        table.stop();
      }
    },
  );
  return { whole, problems };
}

const measuringJob = ({ command }: PlannedMeasurement, title: string): Job => ({
  ...{ title, args: command, threads: 1, memoryBytes: 0, alone: true, steps: 0 },
});

/** The pool goes on when a measurement cannot be kept; its reason is told at the end. */
function problemOfKeeping(out: string, measurement: PlannedMeasurement, output: string): string | null {
  try {
    keepMeasurement(out, measurement, output);
    return null;
  } catch (cause) {
    if (cause instanceof CometError) return cause.message;
    throw cause;
  }
}
