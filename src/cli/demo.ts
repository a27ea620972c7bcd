/**
 * `comet demo`, which is `npm start`: the same network on the same data from the same seed, trained plainly and with
 * COMET, each in a process of its own so that its resident memory is its own; then both side by side.
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
    .option("--seed <n>", "the seed of both runs (e.g. --seed 2)", "1")
    .option("--steps <n>", "stop after so many steps; 0: no limit (e.g. --steps 40)", "0")
    .option("--out <folder>", "where runs are written (e.g. --out runs)", "runs")
    .addHelpText("after", "\nExample:\n  comet demo --epochs 1 --seed 3")
    .action(async (options: DemoOptions) => {
      const plain = await trainAlone(options, ["--store", "plain"]);
      const comet = await trainAlone(options, [
        "--store",
        "comet",
        "--probe-every",
        "60",
        "--audit-every",
        "25",
      ]);
      const lines = [
        `${options.model} on fashion-mnist, seed ${options.seed}: plain and COMET from the same weights and batches`,
        resultTable([plain, comet], ["plain", "COMET"]),
        sigmaTable(comet),
        `weights  plain ${plain.weights}`,
        `         COMET ${comet.weights}`,
        `report   ${reportOf([plain, comet])}`,
      ];
      process.stdout.write(`${lines.join("\n")}\n`);
    });
}

const main = fileURLToPath(new URL("./main.js", import.meta.url));

/** Runs `comet train` in a process of its own; its progress goes to our stderr, its result comes back. */
function trainAlone(
  { model, epochs, seed, steps, out }: DemoOptions,
  more: readonly string[],
): Promise<Result> {
  const common = ["--model", model, "--epochs", epochs, "--seed", seed, "--steps", steps, "--out", out];
  const child = spawn(process.execPath, [main, "train", ...common, ...more, "--json"], {
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
      // The child has said why on stderr.
      else process.exit(code ?? 1);
    });
  });
}
