/** What a new result would replace: nothing that the earlier one holds may be lost. */
import { join } from "node:path";
import { UsageError } from "../../error.js";
import type { Experiment, Scale } from "../../experiments/experiment.js";
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

/** Throws a UsageError if the earlier result has a finished run that is found nowhere now. */
export function checkRuns(
  out: string,
  { experiment: { name }, runs }: PlannedExperiment,
  found: ReadonlyMap<string, readonly FoundRun[]>,
  anyCode: boolean,
  code: Code,
): void {
  const before = resultAt(join(out, `${name}.json`))?.runs ?? [];
  const done = new Set(before.filter(({ status }) => status === "done").map(({ key }) => key));
  const lost = runs.filter(
    (run) => done.has(run.key) && standingOf(run, found, code, anyCode).kind === "missing",
  );
  if (lost.length === 0) return;
  throw new UsageError({
    where: join(out, `${name}.json`),
    expected: `the runs that it has: ${lost.map(({ label, seed }) => `${label}, seed ${seed}`).join("; ")}`,
    got: "no folder of theirs, so that the new result would lose them",
    remedy: "name their folders with --adopt, run them again without --no-run, or give another --out",
  });
}
