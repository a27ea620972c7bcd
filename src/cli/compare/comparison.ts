/**
 * Compares the stores, one process after another: a state of training for all, a figure of the first store as the target
 * of the others, and whole training runs for accuracies.
 */
import { UsageError } from "../../error.js";
import { accuracyOf, type Comparison, type Equal, type StoreComparison } from "../../runs/comparison.js";
import { readManifest } from "../../runs/manifest.js";
import { storeSettings } from "../../stores/registry.js";
import { defaults, type Settings } from "../../training/settings.js";
import { runApart } from "../apart.js";
import { type CompareOptions, seedsOf } from "./options.js";
import { accuraciesOf, stateAfter, type TrainingOptions } from "./runs.js";
import { positionOf, type Specification, specificationOf, turnedTo } from "./specification.js";
import { type TrialOptions, type Tried, tried } from "./trial.js";
import { loosest } from "./tune.js";

export async function compared(options: CompareOptions): Promise<Comparison> {
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

/** The same as `tried`, in a process of its own. */
function triedApart(specification: Specification, options: TrialOptions): Promise<Tried> {
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
