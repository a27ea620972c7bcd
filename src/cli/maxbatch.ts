/** `comet max-batch`: the largest batch that trains within a budget, under each store, and how fast it is. */
import Table from "cli-table3";
import type { Command } from "commander";
import { openDataset } from "../data/open.js";
import { randomImages } from "../data/random.js";
import { MemoryError } from "../error.js";
import { modelNamed } from "../models/models.js";
import { defaults } from "../session.js";
import { measure, stores } from "./memory.js";
import { choice, numeric, option } from "./options.js";

interface MaxBatchOptions {
  model: string;
  image: number;
  data: string;
  memory: string;
  most: number;
  threads: number;
}

/**
 * The largest n for which `fits` holds, at most `most`; 0 if there is none. Doubles, then halves the gap. `fits` may be
 * a little uneven (where blocks come to lie), so what is found is a batch that was seen to fit, not a proof that none is larger.
 */
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
  program
    .command("max-batch")
    .description("find the largest batch that trains within a budget, under each store")
    .addOption(option("--model <name>", "network", "--model resnet50", "resnet50"))
    .addOption(numeric("--image <size>", "side of the images", "--image 224", 224))
    .addOption(option("--data <name|path>", "random, or as train takes it", "--data ./photos", "random"))
    .addOption(option("--memory <bytes>", "the device's budget", "--memory 1GiB", "1GiB"))
    .addOption(numeric("--most <N>", "no larger batch is tried", "--most 64", 256))
    .addOption(numeric("--threads <n>", "threads", "--threads 2", defaults.threads))
    .addOption(choice("--store <kind>", "one store, or all", "--store comet", ["all", ...stores], "all"))
    .addHelpText("after", "\nExample:\n  comet max-batch --model resnet50 --memory 1GiB --data ./photos")
    .action(async ({ store: asked, ...options }: MaxBatchOptions & { store: string }) => {
      const { model, image, memory, most, threads } = options;
      const { lr } = modelNamed(model);
      const dataset =
        options.data === "random"
          ? randomImages(2 * most, image)
          : await openDataset(options.data, { size: image });
      const table = new Table({
        head: ["store", "largest batch", "images a second"],
        style: { head: [], border: [] },
        colAligns: ["left", "right", "right"],
      });
      try {
        for (const store of asked === "all" ? stores : stores.filter((name) => name === asked)) {
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
          table.push([store, String(best), best > 0 ? ((1000 * best) / ms).toFixed(2) : "–"]);
        }
      } finally {
        await dataset.close();
      }
      process.stdout.write(`${model}, ${image} × ${image}, ${memory}, ${dataset.name}\n${table}\n`);
    });
}
