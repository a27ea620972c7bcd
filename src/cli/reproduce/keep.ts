/**
 * Keeps the runs and the measurements that count in the folder of the results, so that the results can be made again, and added
 * to, from it alone.
 */
import { dirname, join, resolve } from "node:path";
import { type FoundRun, standingOf } from "../../experiments/standing.js";
import type { Code } from "../../runs/code.js";
import { keepRun } from "../../runs/kept.js";
import { type KeptMeasurement, writeMeasurement } from "./measurements.js";
import type { PlannedExperiment, PlannedMeasurement } from "./plan.js";

/** Runs that are in `out` already stay as they are. Returns the number of those that were copied. */
export async function keepEvidence(
  planned: readonly PlannedExperiment[],
  kept: (each: PlannedMeasurement) => KeptMeasurement | undefined,
  found: ReadonlyMap<string, readonly FoundRun[]>,
  { out, anyCode, code }: { out: string; anyCode: boolean; code: Code },
): Promise<number> {
  const own = join(out, "runs");
  const elsewhere = new Map(
    planned
      .flatMap(({ runs }) => runs)
      .flatMap((run) => {
        const standing = standingOf(run, found, code, anyCode);
        const counts = standing.kind === "done" && resolve(dirname(standing.path)) !== resolve(own);
        return counts ? [[standing.path, run.key] as const] : [];
      }),
  );
  for (const [path, key] of elsewhere) await keepRun(path, own, key);
  for (const each of planned.flatMap(({ measurements }) => measurements)) {
    const measured = kept(each);
    if (measured) writeMeasurement(out, each.key, measured);
  }
  return elsewhere.size;
}
