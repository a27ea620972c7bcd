/** Planned runs as jobs of a pool, which read a plan that no other command can change. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { PlannedRun } from "../../experiments/planned-run.js";
import { memoryOf } from "./memory.js";
import { type Plan, writePlan } from "./plan-file.js";
import type { Job } from "./pool.js";

/** Writes a plan for these jobs alone, and removes it when `use` has ended: others may work in the same folder meanwhile. */
export async function withOwnPlan<T>(
  plan: Omit<Plan, "version">,
  use: (path: string) => Promise<T>,
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "comet-plan-"));
  try {
    const path = join(folder, "plan.json");
    writePlan(path, plan);
    return await use(path);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The job that computes run `index` of a plan. */
export const jobOf = (run: PlannedRun, title: string, plan: string, index: number): Job => ({
  title,
  args: ["task", plan, String(index)],
  threads: run.settings.threads,
  memoryBytes: memoryOf(run),
  alone: false,
  steps: run.steps,
});
