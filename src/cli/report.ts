/** `comet report RUN…`: one page that shows and compares runs. */
import { join } from "node:path";
import type { Command } from "commander";
import { writeReport } from "../report/write.js";
import { readRun } from "../runs/run.js";

export function registerReport(program: Command): void {
  program
    .command("report")
    .summary("write one HTML page that compares runs")
    .description(
      "Writes one self-contained HTML page: accuracy, memory by category, bound, sparsity and ratio of each layer,\n" +
        "reconstructed tensors, and the measured gradient error against the law. Works on interrupted runs too.",
    )
    .argument("<runs...>", "folders that comet train wrote, e.g. runs/plain-1 runs/comet-1")
    .option(
      "-o, --out <file>",
      "where to write it (default: report.html in the last folder), e.g. --out compare.html",
    )
    .addHelpText("after", "\nExample:\n  comet report runs/plain-1 runs/comet-1 --out compare.html")
    .action((folders: string[], { out }: { out?: string }) => {
      const file = out ?? join(folders.at(-1)!, "report.html");
      writeReport(folders.map(readRun), file);
      console.log(file);
    });
}
