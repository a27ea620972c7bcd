/** `comet train`: one run. */
import type { Command } from "commander";
import { writeReport } from "../report/report.js";
import { readRun } from "../run.js";
import type { Settings } from "../session.js";
import { addTrainOptions, type Places, parsed } from "./options.js";
import { type Result, runTraining } from "./run.js";
import { resultTable, sigmaTable, worstError } from "./table.js";

export function registerTrain(program: Command): void {
  addTrainOptions(program.command("train").description("train a network, plainly or with COMET"))
    .addHelpText(
      "after",
      "\nExample:\n  comet train --model resnet20 --data cifar10 --batch 128 --epochs 1 --store comet",
    )
    .action(async (options: Settings & Places) => {
      const { settings, places } = parsed(options);
      const result = await runTraining(settings, places);
      const report = reportOf([result]);
      if (places.json) process.stdout.write(`${JSON.stringify({ ...result, report })}\n`);
      else process.stdout.write(`${conclusion(result, report)}\n`);
      if (result.status === "interrupted") process.exitCode = 130;
    });
}

/** Writes the report of some runs into the folder of the last one. */
export function reportOf(results: readonly Result[]): string {
  const file = `${results.at(-1)!.path}/report.html`;
  writeReport(
    results.map(({ path }) => readRun(path)),
    file,
  );
  return file;
}

function conclusion(result: Result, report: string): string {
  const lines = [resultTable([result], [result.id]), sigmaTable(result), worstError(result)];
  if (result.status === "interrupted") lines.push(`Interrupted after ${result.summary.steps} steps.`);
  if (result.skipped.length > 0) {
    lines.push(
      `Skipped ${result.skipped.length} images that could not be read, the first ${result.skipped[0]}.`,
    );
  }
  lines.push(`weights  ${result.weights}`, `report   ${report}`);
  return lines.filter((line) => line !== "").join("\n");
}
