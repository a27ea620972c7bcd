/** The training runs of a comparison, each in a process of its own: to a state, and to the end for its accuracy. */
import type { Training } from "../../runs/comparison.js";
import { defaults, type Settings } from "../../training/settings.js";
import { attemptApart, runApart } from "../apart.js";
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
  const { model, batch, memory, threads, profile } = options;
  const epochs = steps;
  const means = { memory, threads, profile };
  const settings: Partial<Settings> = { model, batch, ...means, store: "plain", steps, epochs };
  return (await runApart<Result>(argumentsFor(settings, options))).path;
}

/** Whole runs under one store. */
export interface Trainings {
  readonly accuracies: Training[];
  /** Why runs failed, in words; empty if none did. */
  readonly failures: string[];
}

/** A whole run under the store for each seed. A run that fails does not end the others. */
export async function trainingsOf(
  { own, text }: Specification,
  seeds: readonly number[],
  options: TrainingOptions,
): Promise<Trainings> {
  const found: Trainings = { accuracies: [], failures: [] };
  for (const seed of seeds) {
    process.stderr.write(`${text}: trains with seed ${seed}\n`);
    const settings = { ...options.course, ...own, seed };
    const { result, complaint } = await attemptApart<Result>(argumentsFor(settings, options));
    if (result === null) {
      found.failures.push(`training with seed ${seed} failed: ${complaint}`);
      continue;
    }
    const { testAccuracy, losses } = result.summary;
    found.accuracies.push({ seed, accuracy: testAccuracy!, losses: losses! });
  }
  return found;
}

function argumentsFor(
  settings: Partial<Settings>,
  { data, image, maxPixels, out }: NetworkOptions & { out: string },
): string[] {
  const places = { data, image, maxPixels, out };
  const flags = Object.entries({ ...settings, ...places }).flatMap(([name, value]) => {
    if (typeof value !== "boolean") return [flagOf(name), String(value)];
    if (value === defaults[name as keyof Settings]) return [];
    return value ? [flagOf(name)] : [`--no-${name}`];
  });
  return ["train", ...flags];
}
