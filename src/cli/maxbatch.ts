/** `comet max-batch`: the largest batch that trains within a budget under each store, and its speed. */
import Table from "cli-table3";
import type { Command } from "commander";
import type { Dataset } from "../data/dataset.js";
import { BudgetError, MemoryError } from "../error.js";
import { modelNamed } from "../models/models.js";
import { reads } from "../stores/registry.js";
import { defaults, type Settings } from "../training/settings.js";
import {
  addMeasuringOptions,
  asked,
  type Measured,
  type MeasuringOptions,
  measure,
  open,
} from "./measure.js";
import { numeric, option } from "./options.js";

interface MaxBatchOptions extends MeasuringOptions {
  most: number;
  fit: boolean;
}

/** The largest n for which `fits` holds, at most `most`; 0 if there is none. `fits` holds for each n below one that fits. */
export async function largest(most: number, fits: (n: number) => Promise<boolean>): Promise<number> {
  let [good, bad] = [0, 1];
  while (bad <= most && (await fits(bad))) [good, bad] = [bad, 2 * bad];
  bad = Math.min(bad, most + 1);
  while (bad - good > 1) {
    const middle = (good + bad) >> 1;
    if (await fits(middle)) good = middle;
    else bad = middle;
  }
  return good;
}

/** Without and with the setting `fit`, for a store that has it. */
const ways = ({ store, fit }: Pick<MaxBatchOptions, "store" | "fit">): readonly boolean[] =>
  fit && reads({ ...defaults, store }, "fit") ? [false, true] : [false];

/** Null if the steps do not fit. */
async function attempt(settings: Settings, dataset: Dataset): Promise<Measured | null> {
  try {
    return await measure(settings, dataset);
  } catch (error) {
    if (error instanceof MemoryError || error instanceof BudgetError) return null;
    throw error;
  }
}

function cellsOf(best: { batch: number; found: Measured } | null): string[] {
  if (best === null) return ["0", "–", "–"];
  const { batch, found } = best;
  const { noise, lawNoise } = found.last;
  const ratio = noise === undefined || lawNoise === undefined ? "–" : (noise / lawNoise).toFixed(2);
  return [String(batch), ((1000 * batch) / found.ms).toFixed(2), ratio];
}

export function registerMaxBatch(program: Command): void {
  const command = program
    .command("max-batch")
    .description("find the largest batch that trains within a budget, under each store");
  addMeasuringOptions(command, "1GiB")
    .addOption(numeric("--most <N>", "no larger batch is tried", "--most 64", 256))
    .addOption(option("--no-fit", "do not also try to make batches fit by looser bounds", "--no-fit", true))
    .addHelpText("after", "\nExample:\n  comet max-batch --model resnet50 --memory 1GiB --data ./photos")
    .action(async (options: MaxBatchOptions) => {
      const { model, image, memory, most, threads } = options;
      const { lr } = modelNamed(model);
      const dataset = await open(options, 2 * most);
      const table = new Table({
        head: ["store", "largest batch", "images a second", "noise ÷ the law's"],
        style: { head: [], border: [] },
        colAligns: ["left", "right", "right", "right"],
      });
      try {
        for (const store of asked(options)) {
          for (const fit of ways({ store, fit: options.fit })) {
            let best: { batch: number; found: Measured } | null = null;
            await largest(most, async (batch) => {
              const settings = { ...defaults, model, store, batch, lr, memory, threads, steps: 2, fit };
              const found = await attempt(settings, dataset);
              if (found && batch > (best?.batch ?? 0)) best = { batch, found };
              return found !== null;
            });
            table.push([fit ? `${store} --fit` : store, ...cellsOf(best)]);
          }
        }
      } finally {
        await dataset.close();
      }
      process.stdout.write(`${model}, ${image} × ${image}, ${memory}, ${dataset.name}\n${table}\n`);
    });
}
