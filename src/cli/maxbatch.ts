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
  json: boolean;
}

/** What fits under one store. */
export interface LargestBatch {
  store: string;
  /** Whether bounds could become looser than the law's. */
  fit: boolean;
  /** 0 if not even one image fits. */
  batch: number;
  /** Null where nothing fits. */
  imagesPerSecond: number | null;
  /** The gradient noise ÷ the law's; null where the store tells none. */
  noiseShare: number | null;
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

type Best = { batch: number; found: Measured } | null;

function rowOf(store: string, fit: boolean, best: Best): LargestBatch {
  if (best === null) return { store, fit, batch: 0, imagesPerSecond: null, noiseShare: null };
  const { batch, found } = best;
  const { noise, lawNoise } = found.last;
  const noiseShare = noise === undefined || lawNoise === undefined ? null : noise / lawNoise;
  return { store, fit, batch, imagesPerSecond: (1000 * batch) / found.ms, noiseShare };
}

export function registerMaxBatch(program: Command): void {
  const command = program
    .command("max-batch")
    .description("find the largest batch that trains within a budget, under each store");
  addMeasuringOptions(command, "1GiB")
    .addOption(numeric("--most <N>", "no larger batch is tried", "--most 64", 256))
    .addOption(option("--no-fit", "do not also try to make batches fit by looser bounds", "--no-fit", true))
    .addOption(option("--json", "print the rows as JSON", "--store comet --json", false))
    .addHelpText("after", "\nExample:\n  comet max-batch --model resnet50 --memory 1GiB --data ./photos")
    .action(async (options: MaxBatchOptions) => {
      const { model, image, memory, most, threads, json } = options;
      const { lr } = modelNamed(model);
      const dataset = await open(options, 2 * most);
      const rows: LargestBatch[] = [];
      try {
        for (const store of asked(options)) {
          for (const fit of ways({ store, fit: options.fit })) {
            let best = null as Best;
            await largest(most, async (batch) => {
              const settings = { ...defaults, model, store, batch, lr, memory, threads, steps: 2, fit };
              const found = await attempt(settings, dataset);
              if (found && batch > (best?.batch ?? 0)) best = { batch, found };
              return found !== null;
            });
            rows.push(rowOf(store, fit, best));
          }
        }
      } finally {
        await dataset.close();
      }
      const title = `${model}, ${image} × ${image}, ${memory}, ${dataset.name}`;
      process.stdout.write(json ? `${JSON.stringify(rows)}\n` : `${title}\n${tableOf(rows)}\n`);
    });
}

function tableOf(rows: readonly LargestBatch[]): string {
  const table = new Table({
    head: ["store", "largest batch", "images a second", "noise ÷ the law's"],
    style: { head: [], border: [] },
    colAligns: ["left", "right", "right", "right"],
  });
  const told = (value: number | null) => (value === null ? "–" : value.toFixed(2));
  for (const { store, fit, batch, imagesPerSecond, noiseShare } of rows) {
    table.push([fit ? `${store} --fit` : store, String(batch), told(imagesPerSecond), told(noiseShare)]);
  }
  return table.toString();
}
