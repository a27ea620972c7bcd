/** `comet train`: trains a network, or resumes a run. */
import type { Command } from "commander";
import { writeReport } from "../report/write.js";
import { readRun } from "../runs/run.js";
import { addTrainOptions, type Parsed, parsed } from "./options.js";
import { resultTable, sigmaTable, worstError } from "./table.js";
import { type Result, resumeTraining, runTraining } from "./training.js";

export function registerTrain(program: Command): void {
  addTrainOptions(program.command("train").description("train a network, plainly or with COMET"))
    .option(
      "--resume <run>",
      "go on with the run in this folder, as it began (e.g. --resume runs/lenet-comet-law-s1-20261123T141500)",
    )
    .addHelpText(
      "after",
      "\nExample:\n  comet train --model resnet20 --data cifar10 --batch 128 --epochs 1 --store comet",
    )
    .action(async ({ resume, ...options }: Parsed & { resume?: string }, command: Command) => {
      const { settings, places } = parsed(options);
      const result =
        resume === undefined
          ? await runTraining(settings, places)
          : await resumeTraining(resume, given(options, command), say);
      const report = reportOf([result]);
      if (places.json) process.stdout.write(`${JSON.stringify({ ...result, report })}\n`);
      else process.stdout.write(`${conclusion(result, report)}\n`);
      if (result.status === "interrupted") {
        say(`interrupted after ${result.summary.steps} steps; comet train --resume ${result.path} goes on`);
        process.exitCode = 130;
      }
    });
}

const say = (text: string) => process.stderr.write(`comet: ${text}\n`);

/** The options that were typed. */
function given<Options extends object>(options: Options, command: Command): Partial<Options> {
  const typed = Object.entries(options).filter(([name]) => command.getOptionValueSource(name) === "cli");
  return Object.fromEntries(typed) as Partial<Options>;
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
  const lines = [resultTable([result], [result.id]), sigmaTable(result.summary), worstError(result.summary)];
  if (result.skipped.length > 0) {
    lines.push(
      `Skipped ${result.skipped.length} images that could not be read, the first ${result.skipped[0]}.`,
    );
  }
  lines.push(`weights  ${result.weights}`, `report   ${report}`);
  return lines.filter((line) => line !== "").join("\n");
}
