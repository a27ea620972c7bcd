/** The training runs of a comparison, each in a process of its own: to a state, and to the end for its accuracy. */
import type { StoreComparison } from "../../runs/comparison.js";
import { defaults, type Settings } from "../../training/settings.js";
import { runApart } from "../apart.js";
import type { NetworkOptions } from "../measure.js";
import { flagOf } from "../options.js";
import type { Result } from "../training.js";
import type { Specification } from "./specification.js";

export interface TrainingOptions extends NetworkOptions {
  out: string;
  /** The settings of the runs, besides the store and the seed. */
  course: Partial<Settings>;
}

/** Trains plainly for so many steps. Returns the run's folder. */
export async function stateAfter(
  steps: number,
  options: NetworkOptions & { batch: number; out: string },
): Promise<string> {
  const { model, batch, memory, threads } = options;
  const epochs = steps;
  const settings: Partial<Settings> = { model, batch, memory, threads, store: "plain", steps, epochs };
  return (await trained(settings, options)).path;
}

/** The test accuracy of a whole run under the store, for each seed. */
export async function accuraciesOf(
  { own }: Specification,
  seeds: readonly number[],
  options: TrainingOptions,
): Promise<StoreComparison["accuracies"]> {
  const found: StoreComparison["accuracies"] = [];
  for (const seed of seeds) {
    const { summary } = await trained({ ...options.course, ...own, seed }, options);
    found.push({ seed, accuracy: summary.testAccuracy! });
  }
  return found;
}

function trained(
  settings: Partial<Settings>,
  { data, image, maxPixels, out }: NetworkOptions & { out: string },
): Promise<Result> {
  const places = { data, image, maxPixels, out };
  const flags = Object.entries({ ...settings, ...places }).flatMap(([name, value]) => {
    if (typeof value !== "boolean") return [flagOf(name), String(value)];
    if (value === defaults[name as keyof Settings]) return [];
    return value ? [flagOf(name)] : [`--no-${name}`];
  });
  return runApart<Result>(["train", ...flags]);
}
