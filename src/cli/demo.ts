/**
 * `comet demo`, which is `npm start`: trains the same network on the same data from the same seed plainly and with COMET,
 * and shows both side by side.
 *
 * Each run has a process of its own, so that its resident memory is its own. A third process repeats the first third of
 * the COMET run and compares every frame with its tensor and every weight gradient with the exact one: that needs the
 * originals, and so the memory that COMET saves.
 */
import type { Command } from "commander";
import { NumericError } from "../error.js";
import { readRun } from "../runs/run.js";
import { runApart } from "./apart.js";
import { resultTable, sigmaTable, worstError } from "./table.js";
import { reportOf } from "./train.js";
import type { Result } from "./training.js";

interface DemoOptions {
  model: string;
  epochs: string;
  seed: string;
  steps: string;
  out: string;
  mode: string;
  profile: string;
}

export function registerDemo(program: Command): void {
  program
    .command("demo")
    .description("train plainly and with COMET on the embedded data and compare (this is npm start)")
    .option("--model <name>", "network (e.g. --model lenet)", "resnet8")
    .option("--epochs <n>", "passes over the training images (e.g. --epochs 1)", "2")
    .option("--seed <n>", "the seed of all runs (e.g. --seed 2)", "1")
    .option("--steps <n>", "stop after so many steps; 0: no limit (e.g. --steps 40)", "0")
    .option(
      "--mode <name>",
      "the codec's mode; auto compresses better and takes longer (e.g. --mode auto)",
      "fast",
    )
    .option(
      "--profile <name>",
      "arithmetic: strict, or fused, which is faster where the machine can (e.g. --profile fused)",
      "strict",
    )
    .option("--out <folder>", "where runs are written (e.g. --out runs)", "runs")
    .addHelpText("after", "\nExample:\n  comet demo --epochs 1 --seed 3")
    .action(async (options: DemoOptions) => {
      const common = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]);
      const plain = await runApart<Result>(["train", ...common, "--store", "plain"]);
      const comet = await runApart<Result>(["train", ...common, "--store", "comet"]);
      const third = Math.ceil(comet.summary.steps / 3);
      const every = String(Math.max(1, Math.floor(third / 7)));
      const measuring = ["--stop-after", String(third), "--probe-every", every, "--audit-every", every];
      const measured = await runApart<Result>(["train", ...common, "--store", "comet", ...measuring]);
      assertRepeats(comet, measured);
      process.stdout.write(`${comparison(options, plain, comet, measured)}\n`);
    });
}

function comparison({ model, seed }: DemoOptions, plain: Result, comet: Result, measured: Result): string {
  const { steps, sigma } = measured.summary;
  const lines = [
    `${model} on fashion-mnist, seed ${seed}: plain and COMET from the same weights and the same batches`,
    resultTable([plain, comet], ["plain", "COMET"]),
    `Measured against the originals, in a repeat of the first ${steps} steps of the COMET run:`,
    worstError(measured.summary),
    sigma.length > 0 ? "error of each weight gradient, root mean square over the probed steps" : "",
    sigmaTable(measured.summary),
    `weights  plain ${plain.weights}`,
    `         COMET ${comet.weights}`,
    `report   ${reportOf([plain, comet, measured])}`,
  ];
  return lines.filter((line) => line !== "").join("\n");
}

/** Checks that the measured run had the losses of the COMET run; only then its measurements hold for that run. */
function assertRepeats(comet: Result, measured: Result): void {
  const losses = ({ path }: Result) =>
    readRun(path).records.flatMap((record) => (record.kind === "step" ? [record.loss] : []));
  const whole = losses(comet);
  const differing = losses(measured).findIndex((loss, step) => loss !== whole[step]);
  if (differing < 0) return;
  throw new NumericError({
    where: `step ${differing}`,
    expected: "the loss of the COMET run",
    got: "another one in its repeat",
    remedy: "report this: a run of one seed must repeat to the bit",
  });
}
