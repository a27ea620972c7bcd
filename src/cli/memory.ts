/** `comet memory`: what real training steps of a network hold, under each store, beside what PyTorch keeps. */
import Table from "cli-table3";
import type { Command } from "commander";
import type { Dataset } from "../data/dataset.js";
import { openDataset } from "../data/open.js";
import { randomImages } from "../data/random.js";
import { formatBytes } from "../device/ledger.js";
import { modelNamed } from "../models/models.js";
import { torchSavedBytes } from "../models/torch.js";
import type { SiteRecord, StepRecord } from "../records.js";
import { createSession, defaults, type Settings } from "../session.js";
import { train } from "../train.js";
import { choice, numeric, option } from "./options.js";

export const stores = ["plain", "lean", "comet-conv", "comet"] as const;

interface MemoryOptions {
  model: string;
  batch: number;
  image: number;
  steps: number;
  data: string;
  store: string;
  memory: string;
  threads: number;
  sites: boolean;
}

/** The last step of a few under one store, with its sites, and the time of the fastest but the first. No image is tested. */
export async function measure(settings: Settings, { test, ...dataset }: Dataset) {
  const steps: StepRecord[] = [];
  let sites: SiteRecord["sites"] = [];
  const session = createSession(settings, { ...dataset, test: { ...test, length: 0, batch() {} } });
  try {
    await train(session, {
      onRecord(record) {
        if (record.kind === "step") steps.push(record);
        if (record.kind === "sites") sites = record.sites;
      },
    });
  } finally {
    await session.close();
  }
  return { last: steps.at(-1)!, ms: Math.min(...steps.slice(1).map(({ ms }) => ms)), sites };
}

const ratio = (a: number, b: number): string => (b > 0 ? `${(a / b).toFixed(2)}x` : "–");

export function registerMemory(program: Command): void {
  program
    .command("memory")
    .description("measure what training steps hold in memory, under each store, beside PyTorch")
    .addOption(option("--model <name>", "network", "--model resnet50", "resnet50"))
    .addOption(numeric("--batch <N>", "images a step", "--batch 4", 4))
    .addOption(numeric("--image <size>", "side of the images", "--image 224", 224))
    .addOption(option("--data <name|path>", "random, or as train takes it", "--data ./photos", "random"))
    .addOption(choice("--store <kind>", "one store, or all", "--store lean", ["all", ...stores], "all"))
    .addOption(numeric("--steps <n>", "steps, of which the last is told", "--steps 10", 3))
    .addOption(option("--memory <bytes>", "the device's budget", "--memory 2GiB", "3GiB"))
    .addOption(numeric("--threads <n>", "threads", "--threads 2", defaults.threads))
    .addOption(option("--sites", "a table of COMET's sites too", "--store comet --sites", false))
    .addHelpText("after", "\nExample:\n  comet memory --model resnet50 --batch 4 --data ./photos")
    .action(async (options: MemoryOptions) => {
      const { model, batch, image: size, memory, threads } = options;
      const steps = Math.max(2, options.steps);
      const dataset =
        options.data === "random"
          ? randomImages(batch * steps, size)
          : await openDataset(options.data, { size });
      const { lr } = modelNamed(model);
      const settings = { ...defaults, model, batch, steps, lr, memory, threads };
      const table = new Table({
        head: ["store", "saved an image", "PyTorch ÷ saved", "conv inputs", "device, peak", "time ÷ plain"],
        style: { head: [], border: [] },
        colAligns: ["left", "right", "right", "right", "right", "right"],
      });
      const torch = size === 224 ? torchSavedBytes[model] : undefined;
      if (torch !== undefined) table.push(["PyTorch", formatBytes(torch), "1.00x", "–", "–", "–"]);
      let plainMs: number | null = null;
      let siteLines = "";
      try {
        for (const store of options.store === "all"
          ? stores
          : stores.filter((name) => name === options.store)) {
          const { last, ms, sites } = await measure({ ...settings, store }, dataset);
          if (store === "plain") plainMs = ms;
          const saved = last.savedPeakBytes / batch;
          table.push([
            store,
            formatBytes(saved),
            torch === undefined ? "–" : ratio(torch, saved),
            ratio(last.convRawBytes, last.convPackedBytes),
            formatBytes(last.devicePeakBytes),
            plainMs === null ? "–" : (ms / plainMs).toFixed(2),
          ]);
          if (store === "comet") siteLines = siteTable(sites);
        }
      } finally {
        await dataset.close();
      }
      const resident = formatBytes(process.resourceUsage().maxRSS * 1024);
      const title = `${model}, batch ${batch}, ${size} × ${size}, ${dataset.name}, step ${steps}`;
      process.stdout.write(`${title}\n${table}\nresident memory of all runs, peak (OS): ${resident}\n`);
      if (options.sites && siteLines !== "") process.stdout.write(`${siteLines}\n`);
    });
}

function siteTable(sites: SiteRecord["sites"]): string {
  const table = new Table({
    head: ["site", "bound", "not zero", "ratio"],
    style: { head: [], border: [] },
    colAligns: ["left", "right", "right", "right"],
  });
  for (const { name, bound, nonZero, rawBytes, packedBytes } of sites) {
    table.push([
      name,
      bound === null ? "exact" : bound.toExponential(2),
      nonZero.toFixed(2),
      packedBytes > 0 ? ratio(rawBytes, packedBytes) : "made again",
    ]);
  }
  return table.toString();
}
