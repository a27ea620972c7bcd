/** `comet max-batch`: the largest batch that trains within a budget under each store, and its speed. */
import Table from "cli-table3";
import type { Command } from "commander";
import { MemoryError } from "../error.js";
import { modelNamed } from "../models/models.js";
import { defaults } from "../training/settings.js";
import { addMeasuringOptions, asked, type MeasuringOptions, measure, open } from "./measure.js";
import { numeric, option } from "./options.js";

interface MaxBatchOptions extends MeasuringOptions {
  most: number;
  json: boolean;
}

/** What fits under one store. */
export interface LargestBatch {
  store: string;
  /** 0 if not even one image fits. */
  batch: number;
  /** Null where nothing fits. */
  imagesPerSecond: number | null;
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

export function registerMaxBatch(program: Command): void {
  const command = program
    .command("max-batch")
    .description("find the largest batch that trains within a budget, under each store");
  addMeasuringOptions(command, "1GiB")
    .addOption(numeric("--most <N>", "no larger batch is tried", "--most 64", 256))
    .addOption(option("--json", "print the rows as JSON", "--store comet --json", false))
    .addHelpText("after", "\nExample:\n  comet max-batch --model resnet50 --memory 1GiB --data ./photos")
    .action(async (options: MaxBatchOptions) => {
      const { model, image, memory, most, threads, json } = options;
      const { lr } = modelNamed(model);
      const dataset = await open(options, 2 * most);
      const rows: LargestBatch[] = [];
      try {
        for (const store of asked(options)) {
          let [best, ms] = [0, Number.NaN];
          await largest(most, async (batch) => {
            try {
              const found = await measure(
                { ...defaults, model, store, batch, lr, memory, threads, steps: 2 },
                dataset,
              );
              if (batch > best) [best, ms] = [batch, found.ms];
              return true;
            } catch (error) {
              if (error instanceof MemoryError) return false;
              throw error;
            }
          });
          rows.push({ store, batch: best, imagesPerSecond: best > 0 ? (1000 * best) / ms : null });
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
    head: ["store", "largest batch", "images a second"],
    style: { head: [], border: [] },
    colAligns: ["left", "right", "right"],
  });
  for (const { store, batch, imagesPerSecond } of rows) {
    table.push([store, String(batch), imagesPerSecond === null ? "–" : imagesPerSecond.toFixed(2)]);
  }
  return table.toString();
}
