/** Computes what an evaluation lacks by a pool of processes: runs beside each other, and each measurement alone. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CometError } from "../../error.js";
import type { PlannedRun } from "../../experiments/planned-run.js";
import { liveTable } from "../jobs/live.js";
import { memoryOf } from "../jobs/memory.js";
import { writePlan } from "../jobs/plan-file.js";
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
  { jobs: most, out, adopt, anyCode }: ComputeOptions,
  names: ReadonlyMap<string, string>,
): Promise<Computed> {
  const problems: string[] = [];
  if (runs.length + measuring.length === 0) return { whole: true, problems };
  // The plan is not in OUT, since another command may work there at the same time.
  const folder = mkdtempSync(join(tmpdir(), "comet-plan-"));
  const plan = join(folder, "plan.json");
  writePlan(plan, { out: join(out, "runs"), adopt, anyCode, runs: [...runs] });
  const training = runs.map(
    (run, i): Job => ({
      title: `${names.get(run.key)}: ${run.label}, seed ${run.seed}`,
      args: ["task", plan, String(i)],
      threads: run.settings.threads,
      memoryBytes: memoryOf(run),
      alone: false,
      steps: run.steps,
    }),
  );
  const measured = new Map(
    measuring.map((each): [Job, PlannedMeasurement] => [
      {
        title: `${names.get(each.key)}: ${each.label}`,
        args: each.command,
        threads: 1,
        memoryBytes: 0,
        alone: true,
        steps: 0,
      },
      each,
    ]),
  );
  // The longest runs first, so that no long one is left at the end; measurements have the machine for themselves.
  const jobs = [...training.sort((a, b) => b.steps - a.steps), ...measured.keys()];
  const here = roomOfThis();
  const room = { ...here, processes: most };
  const table = liveTable(jobs, room);
  try {
    const whole = await runPool(jobs, room, {
      ...table,
      ended(job, end) {
        const measurement = measured.get(job);
        if (measurement && end.code === 0) {
          try {
            keepMeasurement(out, measurement, end.output);
          } catch (cause) {
            if (!(cause instanceof CometError)) throw cause;
            problems.push(`“${job.title}” was measured and not kept: ${cause.message}`);
          }
        }
        table.ended?.(job, end);
      },
    });
    return { whole, problems };
  } finally {
    table.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}
