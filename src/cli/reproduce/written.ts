/** Writes what an experiment found: results/NAME.json, its page, and a folder of its figures with captions and data. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { VariantRuns } from "../../experiments/answer.js";
import { answers } from "../../experiments/answers/registry.js";
import { machineOfThis, noticesOf, type Result, resultRun, resultVersion } from "../../experiments/result.js";
import { type FoundRun, standingOf } from "../../experiments/standing.js";
import { writeAtomically } from "../../files/atomic.js";
import { isRecord, parseJson } from "../../files/shape.js";
import { experimentHtml } from "../../report/experiment.js";
import { type Indexed, indexHtml } from "../../report/experiment-index.js";
import { writeFigures } from "../../report/figures/files.js";
import type { Code } from "../../runs/code.js";
import { readRun } from "../../runs/run.js";
import { keptMeasurement } from "./measurements.js";
import type { PlannedExperiment } from "./plan.js";

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
  const measurements = planned.measurements.map((each) => ({ ...each, found: keptMeasurement(out, each) }));
  const measured = measurements.filter(({ found }) => found !== undefined);
  const runs = standings.map(({ run, standing }) => resultRun(run, standing));
  const notices = noticesOf(runs, code);
  for (const { label } of measurements.filter(({ found }) => found === undefined)) {
    notices.push(`“${label}” has not been measured.`);
  }
  const answer = answers[experiment.answer]({ experiment, variants, measurements: measured });
  const { name, question, claim, difference } = experiment;
  const result: Result = {
    version: resultVersion,
    ...{ name, question, claim, difference, scale, data, code, command, runs, notices },
    machine: machineOfThis(),
    written: new Date().toISOString(),
    seeds: [...new Set(planned.runs.map(({ seed }) => seed))],
    settings: { ...experiment.settings, ...experiment.scales[scale].settings },
    ...answer,
  };
  const page = join(out, `${name}.html`);
  writeAtomically(join(out, `${name}.json`), `${JSON.stringify(result, null, 1)}\n`);
  await writeFigures({ ...result, labels, origin: originOf(result) }, join(out, name));
  writeAtomically(page, experimentHtml(result));
  return { result, page };
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
export function writeIndex(out: string): void {
  const results = readdirSync(out)
    .filter((name) => name.endsWith(".json"))
    .sort()
    .map((name) => parseJson(readFileSync(join(out, name), "utf8"), join(out, name), "remove the file"))
    .filter((value) => isRecord(value) && value.version === resultVersion && "question" in value);
  writeAtomically(join(out, "index.html"), indexHtml(results as Indexed[]));
}
