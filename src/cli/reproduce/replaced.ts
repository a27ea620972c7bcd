/** What a new result would replace: nothing that the earlier one holds may be lost. */
import { join } from "node:path";
import { UsageError } from "../../error.js";
import type { Experiment, Scale } from "../../experiments/experiment.js";
import type { PlannedRun } from "../../experiments/planned-run.js";
import { resultAt } from "../../experiments/result.js";
import { type FoundRun, standingOf } from "../../experiments/standing.js";
import type { Code } from "../../runs/code.js";
import type { PlannedExperiment } from "./plan.js";

/** Throws a UsageError if the folder holds a result of another scale, which this one would replace. */
export function checkScale(out: string, experiments: readonly Experiment[], scale: Scale): void {
  for (const { name } of experiments) {
    const before = resultAt(join(out, `${name}.json`))?.scale ?? scale;
    if (before === scale) continue;
    throw new UsageError({
      where: "--out",
      expected: `a folder for results of scale ${scale}`,
      got: `${out}, which holds ${name} at scale ${before}`,
      remedy: `give another one, such as --out ${out}-${scale}; with --adopt ${out} its runs count all the same`,
    });
  }
}

/** The runs of the earlier result that had ended and are found nowhere now: a new result would lose them. */
export function lostRuns(
  out: string,
  { experiment: { name }, runs }: PlannedExperiment,
  found: ReadonlyMap<string, readonly FoundRun[]>,
  anyCode: boolean,
  code: Code,
): PlannedRun[] {
  const before = resultAt(join(out, `${name}.json`))?.runs ?? [];
  const done = new Set(before.filter(({ status }) => status === "done").map(({ key }) => key));
  return runs.filter((run) => done.has(run.key) && standingOf(run, found, code, anyCode).kind === "missing");
}
