/**
 * `comet demo`, which is `npm start`: the same network on the same data from the same seed, trained plainly and with
 * COMET, then both side by side.
 *
 * Each run has a process of its own, so that its resident memory is its own. What can only be measured with the
 * originals at hand (every frame against its tensor, every weight gradient against the exact one) is measured by a
 * third process that repeats the COMET run up to half its steps: it needs the memory that COMET saves.
 */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import type { Result } from "./run.js";
import { resultTable, sigmaTable } from "./table.js";
import { reportOf } from "./train.js";

interface DemoOptions {
  model: string;
  epochs: string;
  seed: string;
  steps: string;
  out: string;
}

export function registerDemo(program: Command): void {
  program
    .command("demo")
    .description("train plainly and with COMET on the embedded data and compare (this is npm start)")
    .option("--model <name>", "network (e.g. --model lenet)", "resnet8")
    .option("--epochs <n>", "passes over the training images (e.g. --epochs 1)", "2")
    .option("--seed <n>", "the seed of all runs (e.g. --seed 2)", "1")
    .option("--steps <n>", "stop after so many steps; 0: no limit (e.g. --steps 40)", "0")
    .option("--out <folder>", "where runs are written (e.g. --out runs)", "runs")
    .addHelpText("after", "\nExample:\n  comet demo --epochs 1 --seed 3")
    .action(async (options: DemoOptions) => {
      const common = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]);
      const plain = await trainAlone([...common, "--store", "plain"]);
      const comet = await trainAlone([...common, "--store", "comet"]);
      const half = Math.ceil(comet.summary.steps / 2);
      const every = String(Math.max(1, Math.floor(half / 10)));
      const measuring = ["--stop-after", String(half), "--probe-every", every, "--audit-every", every];
      const measured = await trainAlone([...common, "--store", "comet", ...measuring]);
      process.stdout.write(`${comparison(options, plain, comet, measured)}\n`);
    });
}

function comparison({ model, seed }: DemoOptions, plain: Result, comet: Result, measured: Result): string {
  const { worstErrorRatio, auditedFrames, sigma } = measured.summary;
  const withAudit = { ...comet, summary: { ...comet.summary, worstErrorRatio, auditedFrames } };
  const lines = [
    `${model} on fashion-mnist, seed ${seed}: plain and COMET from the same weights and the same batches`,
    resultTable([plain, withAudit], ["plain", "COMET"]),
    sigma.length > 0
      ? `Error of each weight gradient, root mean square over probed steps:\n${sigmaTable(measured)}`
      : "",
    `weights  plain ${plain.weights}`,
    `         COMET ${comet.weights}`,
    `report   ${reportOf([plain, comet, measured])}`,
  ];
  return lines.filter((line) => line !== "").join("\n");
}

const main = fileURLToPath(new URL("./main.js", import.meta.url));

/** Runs `comet train` in a process of its own; its progress goes to our stderr, its result comes back. */
function trainAlone(options: readonly string[]): Promise<Result> {
  const child = spawn(process.execPath, [main, "train", ...options, "--json"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => {
      if (code === 0) resolve(JSON.parse(output) as Result);
      // The child has said why on stderr; so ends the whole, with what was done so far on disk.
      else process.exit(code ?? 1);
    });
  });
}
