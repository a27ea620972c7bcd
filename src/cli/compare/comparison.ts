/**
 * Compares the stores, one process after another: a state of training for all, a figure of the first store as the target
 * of the others, and whole training runs for accuracies. A store that fails does not end the comparison.
 */
import { CometError, UsageError } from "../../error.js";
import { accuracyOf, type Comparison, type Equal, type StoreComparison } from "../../runs/comparison.js";
import { readManifest } from "../../runs/manifest.js";
import { storeSettings } from "../../stores/registry.js";
import { defaults, type Settings } from "../../training/settings.js";
import { attemptApart } from "../apart.js";
import { asAccurate } from "./accurate.js";
import type { Asked, Kept } from "./kept.js";
import { seedsOf } from "./options.js";
import { stateAfter, type TrainingOptions, type Trainings, trainingsOf } from "./runs.js";
import { type Specification, specificationOf, turnedTo } from "./specification.js";
import { type TrialOptions, type Tried, tried } from "./trial.js";

interface How {
  /** Where training runs are written. */
  out: string;
  /** Whether each store has a process of its own. */
  apart: boolean;
  /** Is called after each store. */
  onStore?: () => void;
}

/** Measures the stores of `kept` that are not measured yet, and adds them to its comparison. */
export async function compare(kept: Kept, { out, apart, onStore = () => {} }: How): Promise<void> {
  const { asked, comparison } = kept;
  const specifications = asked.stores.split(",").map(specificationOf);
  const seeds = seedsOf(asked.seeds);
  await begin(kept, out);
  const training: TrainingOptions = { ...asked, out, course: courseOf(asked) };
  const order = specifications.map(({ text }) => text);
  comparison.failed = [];
  for (const [i, specification] of specifications.entries()) {
    const { text } = specification;
    if (comparison.stores.some(({ store }) => store === text)) continue;
    if (apart) process.stderr.write(`store ${i + 1} of ${order.length}: ${text}\n`);
    const row = await measured(specification, kept, { apart, seeds, training });
    if (typeof row === "string") {
      comparison.failed.push({ store: text, reason: row });
      if (asked.equal !== "nothing" && comparison.target === null)
        throw withoutTarget(asked.equal, text, row);
    } else {
      const { dataset, height, width, ...store } = row;
      comparison.stores.push(store);
      comparison.stores.sort((a, b) => order.indexOf(a.store) - order.indexOf(b.store));
      Object.assign(comparison, { dataset, height, width });
      comparison.target ??= targetOf(asked.equal, store);
    }
    onStore();
  }
}

/** Finds or makes the state that all stores start from. */
async function begin(kept: Kept, out: string): Promise<void> {
  if (kept.begun !== null) return;
  const { asked, comparison } = kept;
  const warm = asked.from === "" ? (asked.warm ?? (asked.data === "random" ? 0 : 100)) : 0;
  const begun = warm > 0 ? await stateAfter(warm, { ...asked, out }) : asked.from;
  kept.begun = begun;
  if (warm > 0) comparison.state = `after ${warm} plain steps (${begun})`;
  else comparison.state = begun === "" ? "with its first weights" : `from the last checkpoint of ${begun}`;
}

type Row = StoreComparison & Pick<Comparison, "dataset" | "height" | "width">;

/** The row of one store, or why there is none. */
async function measured(
  specification: Specification,
  { asked, begun, comparison: { target } }: Kept,
  { apart, seeds, training }: { apart: boolean; seeds: readonly number[]; training: TrainingOptions },
): Promise<Row | string> {
  const trained = new Map<string, Trainings>();
  const train = async (of: Specification) => {
    const found = trained.get(of.text) ?? (await trainingsOf(of, seeds, training));
    trained.set(of.text, found);
    return found;
  };
  try {
    const chosen =
      asked.equal === "accuracy" && target !== null
        ? await asAccurate(specification, target, train)
        : { specification, note: "" };
    const options: TrialOptions = { ...asked, from: begun!, target: target ?? Number.NaN };
    const found = await (apart ? triedApart : tried)(chosen.specification, options);
    if (typeof found === "string") return found;
    const turned = found.knob ? turnedTo(chosen.specification, found.knob.value) : chosen.specification;
    const { accuracies, failures } = await train(turned);
    const notes = [chosen.note, found.note, ...failures].filter((note) => note !== "");
    return { ...found, store: specification.text, note: notes.join("; "), accuracies };
  } catch (error) {
    // A process for one store tells its failure by its end.
    if (apart && error instanceof CometError) return error.message;
    throw error;
  }
}

const withoutTarget = (equal: Equal, store: string, got: string): UsageError =>
  new UsageError({
    where: `--equal ${equal}`,
    expected: "a first store that can be measured, or a --target",
    got: `${store}: ${got}`,
    remedy: "name another store first in --stores",
  });

/** What the others are to have in common with the first store. */
function targetOf(equal: Equal, first: StoreComparison): number | null {
  if (equal === "nothing") return null;
  if (equal === "bytes") return first.savedBytes;
  if (equal === "accuracy") {
    const accuracy = accuracyOf(first);
    if (accuracy) return accuracy.mean - (accuracy.spread ?? 0);
    throw withoutTarget(equal, first.store, first.note);
  }
  if (first.noise > 0) return first.noise;
  throw new UsageError({
    where: "--equal noise",
    expected: "a first store with gradient noise, or a --target",
    got: `${first.store}, whose gradients are exact`,
    remedy: "name a store with errors first in --stores, and the exact ones behind it",
  });
}

/** The same as `tried`, in a process of its own. Returns why there is no result, if there is none. */
async function triedApart(specification: Specification, options: TrialOptions): Promise<Tried | string> {
  const { model, image, data, batch, from, steps, batches, points, equal, target } = options;
  const { memory, threads, profile } = options;
  const begun = from === "" ? { model, batch, image, data, warm: 0 } : { from };
  const goal = equal === "accuracy" || Number.isNaN(target) ? {} : { equal, target };
  const means = { memory, threads, profile, "max-pixels": options.maxPixels };
  const given = { ...begun, ...goal, ...means, steps, batches, points, stores: specification.text };
  const args = Object.entries(given).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const { result, complaint } = await attemptApart<Comparison>(["compare", ...args]);
  if (result === null) return complaint!;
  const { dataset, height, width, stores } = result;
  const { store: _, accuracies: __, ...row } = stores[0]!;
  return { dataset, height, width, ...row };
}

/** The settings of runs that are trained to the end: those of the run of --from, if there is one. */
function courseOf({ from, model, batch, epochs, trainSteps, ...means }: Asked): Partial<Settings> {
  const { memory, threads, profile } = means;
  const begun = from === "" ? { model, batch } : withoutStore(readManifest(from).settings);
  return {
    ...begun,
    stopAfter: 0,
    memory,
    threads,
    profile,
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
