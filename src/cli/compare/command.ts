/**
 * `comet compare`: several stores on one network, the same weights and the same batches, every byte counted by one ledger.
 * Each store has a process of its own. With --equal the knob of each store is turned until it has the gradient noise, the
 * bytes or the accuracy of the first one.
 */
import { join } from "node:path";
import type { Command } from "commander";
import { UsageError } from "../../error.js";
import { makeFolder } from "../../files/folder.js";
import { writeComparison } from "../../report/comparison.js";
import {
  accuracyOf,
  type Comparison,
  type Equal,
  equals,
  type StoreComparison,
} from "../../runs/comparison.js";
import { readManifest } from "../../runs/manifest.js";
import { storeNames, storeSettings } from "../../stores/registry.js";
import { defaults, type Settings } from "../../training/settings.js";
import { runApart } from "../apart.js";
import { addNetworkOptions } from "../measure.js";
import { choice, numeric, option } from "../options.js";
import { begunAs } from "../state.js";
import { accuraciesOf, stateAfter, type TrainingOptions } from "./runs.js";
import { positionOf, type Specification, specificationOf, turnedTo } from "./specification.js";
import { comparisonTable } from "./table.js";
import { type TrialOptions, tried } from "./trial.js";
import { loosest } from "./tune.js";

interface CompareOptions extends TrialOptions {
  stores: string;
  seeds: string;
  warm: number | undefined;
  epochs: number | undefined;
  trainSteps: number | undefined;
  out: string;
  json: boolean;
}

export function registerCompare(program: Command): void {
  const command = program
    .command("compare")
    .summary("compare stores: bytes, time, gradient error and accuracy")
    .description(
      "Measures several stores on one network with the same weights and batches, and writes a table and a page. A store is\n" +
        "NAME or NAME:setting=value:…, with the settings that comet train has as options. See docs/rivals.md.",
    );
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
      option("--json", "print the comparison as JSON and write no page", "--json > found.json", false),
    )
    .addHelpText("after", "\nExample:\n  comet compare --stores comet,comet-conv,plain --equal noise")
    .action(async (given: CompareOptions, command: Command) => {
      const options = given.from === "" ? given : { ...given, ...begunAs(given.from, command) };
      checkOptions(options);
      const comparison = await compared(options);
      if (options.json) {
        process.stdout.write(`${JSON.stringify(comparison)}\n`);
        return;
      }
      makeFolder(options.out);
      const time = new Date().toISOString().replace(/[-:]|\.\d+Z/g, "");
      const page = join(options.out, `compare-${comparison.model}-${time}.html`);
      writeComparison(comparison, page);
      process.stdout.write(`${comparisonTable(comparison)}\nreport ${page}\n`);
    });
}

const least: Readonly<Partial<Record<keyof CompareOptions, number>>> = {
  batch: 1,
  steps: 2,
  batches: 1,
  points: 0,
  warm: 0,
  epochs: 1,
  trainSteps: 0,
};

function checkOptions(options: CompareOptions): void {
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

function seedsOf(text: string): number[] {
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

async function compared(options: CompareOptions): Promise<Comparison> {
  const { equal, target, model, batch, batches, data, stores } = options;
  const specifications = stores.split(",").map(specificationOf);
  const seeds = seedsOf(options.seeds);
  const warm = options.from === "" ? (options.warm ?? (data === "random" ? 0 : 100)) : 0;
  const from = warm > 0 ? await stateAfter(warm, options) : options.from;
  const training: TrainingOptions = { ...options, course: courseOf(options) };
  const state =
    from === ""
      ? "with its first weights"
      : warm > 0
        ? `after ${warm} plain steps (${from})`
        : `from the last checkpoint of ${from}`;
  const comparison: Comparison = {
    ...{ model, dataset: "", height: 0, width: 0, batch, state, batches, equal },
    target: Number.isNaN(target) ? null : target,
    stores: [],
  };
  // One store whose result is to be printed as JSON is measured here: such is a process of its own.
  const apart = specifications.length > 1 || !options.json;
  for (const asked of specifications) {
    const goal = comparison.target;
    const trained = new Map<string, StoreComparison["accuracies"]>();
    const accuracies = async (of: Specification) => {
      const before = trained.get(of.text) ?? (await accuraciesOf(of, seeds, training));
      trained.set(of.text, before);
      return before;
    };
    const tunes = equal === "accuracy" && goal !== null;
    const { specification, note } = tunes
      ? await asAccurate(asked, goal, accuracies)
      : { specification: asked, note: "" };
    const trial: TrialOptions = { ...options, from, target: goal ?? Number.NaN };
    const found = apart ? await triedApart(specification, trial) : await tried(specification, trial);
    const { dataset, height, width, ...row } = found;
    const turned = row.knob ? turnedTo(specification, row.knob.value) : specification;
    comparison.stores.push({
      ...row,
      store: asked.text,
      note: note === "" ? row.note : note,
      accuracies: await accuracies(turned),
    });
    Object.assign(comparison, { dataset, height, width });
    comparison.target ??= targetOf(equal, comparison.stores[0]!);
  }
  return comparison;
}

/** What the others are to have in common with the first store. */
function targetOf(equal: Equal, first: StoreComparison): number | null {
  if (equal === "nothing") return null;
  if (equal === "bytes") return first.savedBytes;
  if (equal === "accuracy") {
    const { mean, spread } = accuracyOf(first)!;
    return mean - (spread ?? 0);
  }
  if (first.noise > 0) return first.noise;
  throw new UsageError({
    where: "--equal noise",
    expected: "a first store with gradient noise, or a --target",
    got: `${first.store}, whose gradients are exact`,
    remedy: "name a store with errors first in --stores, and the exact ones behind it",
  });
}

/** Positions of a knob that are tried by whole training runs. */
const accuracyTries = 5;

/** The loosest position of the knob whose mean accuracy is at least `target`. */
async function asAccurate(
  specification: Specification,
  target: number,
  accuracies: (of: Specification) => Promise<StoreComparison["accuracies"]>,
): Promise<{ specification: Specification; note: string }> {
  const { knob, text } = specification;
  const accepts = async (of: Specification) =>
    accuracyOf({ accuracies: await accuracies(of) })!.mean >= target;
  if (!knob) {
    if (await accepts(specification)) return { specification, note: "without a knob: as it is" };
  } else {
    const at = (value: unknown) => accepts(turnedTo(specification, value));
    const value = await loosest(knob, positionOf(specification), at, accuracyTries);
    if (value !== null) {
      return {
        specification: turnedTo(specification, value),
        note: `${knob.setting}: the loosest of those tried that is as accurate as the target`,
      };
    }
  }
  throw new UsageError({
    where: `--equal accuracy, store ${text}`,
    expected: `a mean test accuracy of at least ${(100 * target).toFixed(2)} %`,
    got: knob ? `less at every ${knob.setting} that was tried` : "less, and no knob to turn",
    remedy: "leave this store out, or give a lower --target",
  });
}

function triedApart(specification: Specification, options: TrialOptions) {
  const { model, image, data, batch, from, memory, threads, steps, batches, points, equal, target } = options;
  const begun = from === "" ? { model, batch, image, data, warm: 0 } : { from };
  const goal = equal === "accuracy" || Number.isNaN(target) ? {} : { equal, target };
  const measuring = { memory, threads, steps, batches, points, "max-pixels": options.maxPixels };
  const given = { ...begun, ...goal, ...measuring, stores: specification.text };
  const args = Object.entries(given).flatMap(([name, value]) => [`--${name}`, String(value)]);
  return runApart<Comparison>(["compare", ...args]).then(({ dataset, height, width, stores }) => {
    const { store: _, accuracies: __, ...row } = stores[0]!;
    return { dataset, height, width, ...row };
  });
}

/** The settings of runs that are trained to the end: those of the run of --from, if there is one. */
function courseOf({
  from,
  model,
  batch,
  epochs,
  trainSteps,
  memory,
  threads,
}: CompareOptions): Partial<Settings> {
  const begun = from === "" ? { model, batch } : withoutStore(readManifest(from).settings);
  return {
    ...begun,
    stopAfter: 0,
    memory,
    threads,
    ...(epochs === undefined ? {} : { epochs }),
    ...(trainSteps === undefined ? {} : { steps: trainSteps }),
  };
}

const withoutStore = (settings: Settings): Partial<Settings> =>
  Object.fromEntries(
    Object.entries(settings).filter(
      ([name, value]) =>
        name !== "store" && !Object.hasOwn(storeSettings, name) && value !== defaults[name as keyof Settings],
    ),
  );
