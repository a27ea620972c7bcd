/** Writes what an experiment found: results/NAME.json, its page, and a folder of its figures with captions and data. */
import { join } from "node:path";
import { DataError } from "../../error.js";
import type { Answer, Evidence, VariantRuns } from "../../experiments/answer.js";
import { answers } from "../../experiments/answers/registry.js";
import {
  machineOfThis,
  noticesOf,
  type Result,
  resultAt,
  resultRun,
  resultsIn,
  resultVersion,
} from "../../experiments/result.js";
import { type FoundRun, standingOf } from "../../experiments/standing.js";
import { writeAtomically } from "../../files/atomic.js";
import { experimentHtml } from "../../report/experiment.js";
import { indexHtml } from "../../report/experiment-index.js";
import { writeFigures } from "../../report/figures/files.js";
import { type Code, measuringCode } from "../../runs/code.js";
import { readRun } from "../../runs/run.js";
import type { KeptMeasurement } from "./measurements.js";
import type { PlannedExperiment, PlannedMeasurement } from "./plan.js";

export interface WriteOptions {
  out: string;
  anyCode: boolean;
  code: Code;
  command: string;
}

/** Returns the result and the page's path. */
export async function writeResult(
  planned: PlannedExperiment,
  found: ReadonlyMap<string, readonly FoundRun[]>,
  kept: (each: PlannedMeasurement) => KeptMeasurement | undefined,
  { out, anyCode, code, command }: WriteOptions,
): Promise<{ result: Result; page: string }> {
  const { experiment, scale, data } = planned;
  const standings = planned.runs.map((run) => ({ run, standing: standingOf(run, found, code, anyCode) }));
  const labels = [...new Set(planned.runs.map(({ label }) => label))];
  const variants: VariantRuns[] = labels.map((label) => {
    const done = standings.flatMap(({ run, standing }) =>
      run.label === label && standing.kind === "done" ? [[run.seed, readRun(standing.path)] as const] : [],
    );
    return { label, seeds: done.map(([seed]) => seed), runs: new Map(done) };
  });
  const measurements = planned.measurements.map((each) => ({ each, kept: kept(each) }));
  const measured = measurements.flatMap(({ each, kept }) => (kept ? [{ ...each, found: kept.found }] : []));
  const runs = standings.map(({ run, standing }) => resultRun(run, standing));
  const notices = noticesOf(runs, code);
  for (const { each, kept } of measurements) {
    if (!kept) notices.push(`“${each.label}” has not been measured.`);
    else if (kept.code !== measuringCode().code)
      notices.push(
        `Other code than this result’s (${kept.commit ?? "an unknown commit"}) measured “${each.label}”.`,
      );
  }
  const own = experiment.scales[scale].data;
  if (own !== null && own !== data.source)
    notices.push(`This experiment’s texts are about ${own}, and its data here is ${data.name}.`);
  const answer = answered({ experiment, variants, measurements: measured });
  const { name, question, claim, difference } = experiment;
  const result: Result = {
    version: resultVersion,
    ...{ name, question, claim, difference, scale, data, code, command, runs, notices },
    measurements: measurements.map(({ each, kept }) => ({
      ...{ label: each.label, command: each.command },
      ...{ machine: kept?.machine ?? null, code: kept?.code ?? null },
      ...{ commit: kept?.commit ?? null, written: kept?.written ?? null },
    })),
    machine: machineOfThis(),
    written: new Date().toISOString(),
    seeds: [...new Set(variants.flatMap(({ seeds }) => seeds))].sort((a, b) => a - b),
    settings: { ...experiment.settings, ...experiment.scales[scale].settings },
    ...answer,
  };
  const page = join(out, `${name}.html`);
  const before = resultAt(join(out, `${name}.json`))?.figures ?? [];
  writeAtomically(join(out, `${name}.json`), `${JSON.stringify(result, null, 1)}\n`);
  await writeFigures({ ...result, labels, origin: originOf(result) }, join(out, name), before);
  writeAtomically(page, experimentHtml(result));
  return { result, page };
}

/** Throws a DataError if a measurement printed something else than the answer reads. */
function answered(evidence: Evidence): Answer {
  const { name, answer } = evidence.experiment;
  try {
    return answers[answer](evidence);
  } catch (cause) {
    if (!(cause instanceof TypeError) || evidence.measurements.length === 0) throw cause;
    const commands = [...new Set(evidence.measurements.map(({ command }) => command[0]))].join(", ");
    throw new DataError({
      where: `experiment ${name}: measurements`,
      expected: `what the answer “${answer}” reads`,
      got: `the output of comet ${commands} (${cause.message})`,
      remedy: "measure by the commands that the experiments of bench/experiments with this answer have",
    });
  }
}

/** What a figure outside its page must carry. */
function originOf({ scale, data, machine, code, seeds, command, written, notices }: Result): string[] {
  return [
    `Scale ${scale}, data ${data.name}, seeds ${seeds.join(", ") || "none"}`,
    `Machine: ${machine.processor}, ${machine.cores} cores, ${machine.system}, Node ${machine.node}`,
    `Commit ${code.commit ?? "unknown"}, code ${code.code}, written ${written}`,
    `Command: ${command}`,
    ...notices,
  ];
}

/** Writes index.html over all results that the folder holds, those of earlier commands too. */
export const writeIndex = (out: string): void =>
  writeAtomically(join(out, "index.html"), indexHtml(resultsIn(out)));
