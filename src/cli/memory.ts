/**
 * `comet memory`: the memory of real training steps of a network under each store, beside what PyTorch saves, and the share
 * of their time in which the store packs, unpacks and recomputes tensors. Each store has a process of its own, so that its
 * resident memory is its own.
 */
import Table from "cli-table3";
import type { Command } from "commander";
import { formatBytes } from "../device/ledger.js";
import { UsageError } from "../error.js";
import { modelNamed } from "../models/models.js";
import { torchSavedBytes } from "../models/torch.js";
import { readManifest } from "../runs/manifest.js";
import { checkData } from "../runs/resume.js";
import { reads, type StoreSettings, storeSettings } from "../stores/registry.js";
import type { SiteRecord } from "../training/records.js";
import { defaults, type Settings } from "../training/settings.js";
import { runApart } from "./apart.js";
import {
  addMeasuringOptions,
  asked,
  type Measured,
  type MeasuringOptions,
  measure,
  open,
} from "./measure.js";
import { courseTable, peakTable } from "./occupancy.js";
import { flagOf, numeric, option, settingOption } from "./options.js";
import { begunAs, behind, lastOf } from "./state.js";
import { chainTable, movedLine, sigmaTable, worstError } from "./table.js";

interface MemoryOptions extends MeasuringOptions, StoreSettings, Pick<Settings, "momentumType"> {
  batch: number;
  steps: number;
  from: string;
  sites: boolean;
  chains: boolean;
  timeline: boolean;
  probe: number;
  json: boolean;
}

/** The measured steps of one store. */
export interface Row extends Measured {
  store: string;
  dataset: string;
  height: number;
  width: number;
}

const ratio = (a: number, b: number): string => (b > 0 ? `${(a / b).toFixed(2)}x` : "–");

export function registerMemory(program: Command): void {
  const command = program
    .command("memory")
    .description("measure what training steps hold in memory, under each store, beside PyTorch");
  for (const name of ownSettings) command.addOption(settingOption(name));
  command.addOption(settingOption("momentumType"));
  addMeasuringOptions(command, "3GiB")
    .addOption(numeric("--batch <N>", "images a step", "--batch 4", 4))
    .addOption(numeric("--steps <n>", "steps to run; the last is reported", "--steps 10", 3))
    .addOption(
      option("--from <run>", "continue from the last checkpoint of a run", "--from runs/resnet50-…", ""),
    )
    .addOption(
      option("--sites", "also print a table of the sites and their bounds", "--store comet --sites", false),
    )
    .addOption(
      option(
        "--chains",
        "also print which tensors are kept, and which are made from others",
        "--store comet --chains",
        false,
      ),
    )
    .addOption(
      option(
        "--timeline",
        "also print what lives at the peak, by site, and over the step",
        "--store comet --timeline",
        false,
      ),
    )
    .addOption(
      numeric(
        "--probe <draws>",
        "compare the gradients of one more step with exact ones, with this many draws",
        "--probe 6",
        0,
      ),
    )
    .addOption(option("--json", "print the measured rows as JSON", "--store plain --json", false))
    .addHelpText("after", "\nExample:\n  comet memory --model resnet50 --batch 4 --data ./photos")
    .action(async (given: MemoryOptions, command: Command) => {
      checkDraws(given);
      const options = given.from === "" ? given : { ...given, ...begunAs(given.from, command) };
      const rows: Row[] = [];
      for (const store of asked(options)) {
        const alone = options.json || options.store !== "all";
        rows.push(
          ...(alone ? [await measured(store, options)] : await runApart<Row[]>(argumentsFor(store, options))),
        );
      }
      process.stdout.write(options.json ? `${JSON.stringify(rows)}\n` : told(rows, options));
    });
}

function argumentsFor(store: string, options: MemoryOptions): string[] {
  const { model, batch, image, data, steps, from, probe, maxPixels, momentumType } = options;
  const { memory, threads, profile } = options;
  const begun = from === "" ? { model, batch, image, data, "momentum-type": momentumType } : { from };
  const common = { ...begun, steps, memory, threads, profile, probe, store, "max-pixels": maxPixels };
  return [
    "memory",
    ...Object.entries(common).flatMap(([name, value]) => [`--${name}`, String(value)]),
    ...Object.entries(ownOf(store, options)).flatMap(([name, value]) => typedSetting(name, value)),
  ];
}

/** A flag takes no value. */
const typedSetting = (name: string, value: unknown): string[] =>
  typeof value === "boolean" ? (value ? [flagOf(name)] : []) : [flagOf(name), String(value)];

/** The settings of stores, which are options of this command. */
const ownSettings = Object.keys(storeSettings) as (keyof StoreSettings)[];

/** The settings that a store reads. For a store that was named also those that were typed, so that it can refuse them. */
const ownOf = (store: string, options: MemoryOptions): Partial<StoreSettings> =>
  Object.fromEntries(
    ownSettings
      .filter(
        (name) =>
          reads({ ...options, store }, name) || (options.store !== "all" && options[name] !== defaults[name]),
      )
      .map((name) => [name, options[name]]),
  );

function checkDraws({ probe }: MemoryOptions): void {
  if (Number.isInteger(probe) && probe >= 0) return;
  throw new UsageError({
    where: "--probe",
    expected: "a whole number of draws, 0 for none",
    got: String(probe),
    remedy: "give for example --probe 6",
  });
}

async function measured(store: Settings["store"], options: MemoryOptions): Promise<Row> {
  const { model, batch, memory, threads, profile } = options;
  const probeBehind = Math.max(2, options.steps);
  const steps = probeBehind + (options.probe > 0 ? 1 : 0);
  const from = options.from === "" ? null : await lastOf(options.from);
  const own = { store, ...ownOf(store, options), memory, threads, profile };
  const course = { steps, lr: modelNamed(model).lr, schedule: "constant" };
  const fromStart = { ...defaults, ...own, ...course, model, batch, momentumType: options.momentumType };
  const dataset = await open(options, batch * steps);
  try {
    if (from) checkData(readManifest(options.from), dataset);
    const settings = from ? { ...behind(from, steps, dataset.train.length), ...own } : fromStart;
    const { name, height, width } = dataset;
    const found = await measure(settings, dataset, { from, probeBehind, draws: options.probe });
    return { store, dataset: name, height, width, ...found };
  } finally {
    await dataset.close();
  }
}

function told(rows: readonly Row[], { model, batch, sites, chains, timeline, probe }: MemoryOptions): string {
  const { dataset, height, width, last } = rows[0]!;
  const table = new Table({
    head: [
      "store",
      "saved an image",
      "PyTorch ÷ saved",
      "conv inputs",
      "device, peak",
      "resident, peak (OS)",
      "time ÷ plain",
      "store's share of time",
    ],
    style: { head: [], border: [] },
    colAligns: ["left", "right", "right", "right", "right", "right", "right", "right"],
  });
  const torch = height === 224 && width === 224 ? torchSavedBytes[model] : undefined;
  if (torch !== undefined) table.push(["PyTorch", formatBytes(torch), "1.00x", "–", "–", "–", "–", "–"]);
  const plain = rows.find(({ store }) => store === "plain");
  for (const { store, last, ms, storeShare, residentPeakBytes } of rows) {
    const saved = last.savedPeakBytes / batch;
    table.push([
      store,
      formatBytes(saved),
      torch === undefined ? "–" : ratio(torch, saved),
      ratio(last.convRawBytes, last.convPackedBytes),
      formatBytes(last.devicePeakBytes),
      formatBytes(residentPeakBytes),
      plain ? (ms / plain.ms).toFixed(2) : "–",
      `${(100 * storeShare).toFixed(1)} %`,
    ]);
  }
  const title = `${model}, batch ${batch}, ${height} × ${width}, ${dataset}, step ${last.step + 1}`;
  const bounded = rows.findLast(({ sites }) => sites.length > 0);
  const details = bounded
    ? [
        sites ? siteTable(bounded.sites) : "",
        probe > 0 ? `One more step: each weight gradient's error, root mean square over ${probe} draws` : "",
        sigmaTable(bounded.errors),
        worstError(bounded.errors),
      ]
    : [];
  for (const { store, errors } of rows) details.push(movedLine(store, errors));
  if (chains)
    for (const row of rows) details.push(`Saved tensors under ${row.store}`, chainTable(row.chains));
  if (timeline) {
    for (const { store, occupancy } of rows) {
      if (occupancy) details.push(`Under ${store}`, peakTable(occupancy), courseTable(occupancy));
    }
  }
  return `${[title, table, ...details.filter((text) => text !== "")].join("\n")}\n`;
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
