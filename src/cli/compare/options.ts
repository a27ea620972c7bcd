/** The options of `comet compare`, and what of them makes no sense together. */
import type { Command } from "commander";
import { UsageError } from "../../error.js";
import { equals } from "../../runs/comparison.js";
import { storeNames } from "../../stores/registry.js";
import { addNetworkOptions } from "../measure.js";
import { choice, numeric, option } from "../options.js";
import type { TrialOptions } from "./trial.js";

export interface CompareOptions extends TrialOptions {
  stores: string;
  seeds: string;
  warm: number | undefined;
  epochs: number | undefined;
  trainSteps: number | undefined;
  out: string;
  json: boolean;
  /** The file of a comparison that goes on; empty: none. */
  resume: string;
}

export const addCompareOptions = (command: Command): Command =>
  addNetworkOptions(command, { memory: "1GiB", model: "resnet8", data: "fashion-mnist" })
    .addOption(numeric("--batch <N>", "images a step", "--batch 32", 32))
    .addOption(
      option(
        "--stores <list>",
        "stores",
        "--stores plain,comet,comet:quantizer=support",
        storeNames.join(","),
      ),
    )
    .addOption(
      choice(
        "--equal <what>",
        "turn each store's knob until it has as much of this as the first store",
        "--stores comet,comet-conv,plain --equal noise",
        equals,
        "nothing",
      ),
    )
    .addOption(
      numeric(
        "--target <x>",
        "what to reach in place of the first store's",
        "--equal noise --target 0.01",
        Number.NaN,
      ),
    )
    .addOption(
      option(
        "--from <run>",
        "the weights and the data: the last checkpoint of a run",
        "--from runs/resnet20-…",
        "",
      ),
    )
    .addOption(
      numeric(
        "--warm <n>",
        "without --from: plain training steps before the measurements (100; with random data 0)",
        "--warm 500",
        undefined,
      ),
    )
    .addOption(numeric("--steps <n>", "steps with unchanged weights before a probe", "--steps 4", 4))
    .addOption(
      numeric("--batches <n>", "batches whose gradients are compared with exact ones", "--batches 8", 4),
    )
    .addOption(numeric("--points <n>", "positions of the knob on each store's curve", "--points 7", 5))
    .addOption(option("--seeds <list>", "train each store with these seeds to the end", "--seeds 1,2,3", ""))
    .addOption(
      numeric("--epochs <n>", "epochs of such a run (1, or as the run of --from)", "--epochs 2", undefined),
    )
    .addOption(
      numeric(
        "--train-steps <n>",
        "the most steps of such a run; 0: no limit",
        "--train-steps 200",
        undefined,
      ),
    )
    .addOption(option("--out <folder>", "where runs and the page are written", "--out runs", "runs"))
    .addOption(
      option(
        "--resume <file>",
        "go on with the comparison in this file, and with more --stores if they are given",
        "--resume runs/compare-resnet8-….json",
        "",
      ),
    )
    .addOption(
      option("--json", "print the comparison as JSON and write no page", "--json > found.json", false),
    );

const least: Readonly<Partial<Record<keyof CompareOptions, number>>> = {
  batch: 1,
  steps: 2,
  batches: 1,
  points: 0,
  warm: 0,
  epochs: 1,
  trainSteps: 0,
};

/** Throws a UsageError for the first option that makes no sense. */
export function checkOptions(options: CompareOptions): void {
  const complain = (where: string, expected: string, got: string, remedy: string) => {
    throw new UsageError({ where, expected, got, remedy });
  };
  for (const [name, limit] of Object.entries(least)) {
    const value = options[name as keyof CompareOptions] as number | undefined;
    if (value === undefined || (Number.isInteger(value) && value >= limit)) continue;
    const flag = name === "trainSteps" ? "train-steps" : name;
    complain(
      `--${flag}`,
      `a whole number of at least ${limit}`,
      String(value),
      `give for example --${flag} ${limit + 2}`,
    );
  }
  const { equal, target, seeds, data, warm = 0, from } = options;
  if (!Number.isNaN(target) && equal === "nothing") {
    complain("--target", "--equal noise, bytes or accuracy with it", "none", "say what the target is of");
  }
  if (!Number.isNaN(target) && !(target > 0)) {
    complain("--target", "a number above 0", String(target), "give for example --equal noise --target 0.01");
  }
  if (equal === "accuracy" && seeds === "") {
    complain("--equal accuracy", "--seeds with it", "none", "give for example --seeds 1,2,3");
  }
  if (from === "" && data === "random" && (seeds !== "" || warm > 0)) {
    complain(
      seeds === "" ? "--warm" : "--seeds",
      "data with classes to learn",
      "--data random",
      "name a data set with --data, or leave the option out",
    );
  }
  if (from !== "" && warm > 0) {
    complain("--warm", "none with --from", String(warm), "leave one of the two out");
  }
}

/** `1,2,3`; none of an empty text. */
export function seedsOf(text: string): number[] {
  if (text === "") return [];
  return text.split(",").map((part) => {
    const seed = part.trim() === "" ? Number.NaN : Number(part);
    if (seed === (seed | 0)) return seed;
    throw new UsageError({
      where: "--seeds",
      expected: "whole numbers of 32 bits with commas between them",
      got: text,
      remedy: "give for example --seeds 1,2,3",
    });
  });
}
