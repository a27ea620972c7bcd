/** `comet max-batch`: the largest batch that trains within a budget under each store, and its speed. */
import Table from "cli-table3";
import type { Command } from "commander";
import type { Dataset } from "../data/dataset.js";
import { formatBytes, parseBytes } from "../device/ledger.js";
import { BudgetError, MemoryError } from "../error.js";
import { modelNamed } from "../models/models.js";
import type { Checkpoint } from "../runs/checkpoint.js";
import { readManifest } from "../runs/manifest.js";
import { checkData } from "../runs/resume.js";
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
import { numeric, option, settingOption } from "./options.js";
import { begunAs, behind, lastOf } from "./state.js";

interface MaxBatchOptions extends MeasuringOptions, Pick<Settings, "momentumType"> {
  most: number;
  from: string;
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

/** A batch that fits, and the part of the memory that it used. */
interface Point {
  n: number;
  used: number;
}

/**
 * The largest n that fits, at most `most`; 0 if there is none. `use`: the part of the memory that n needs, null if n does
 * not fit. Each n below one that fits is taken to fit too. What n needs is about a straight line, so the place where the
 * line through the last two n reaches the whole memory is tried first, and behind a failure three quarters of what is left.
 */
export async function largest(most: number, use: (n: number) => Promise<number | null>): Promise<number> {
  let [good, bad, next] = [0, most + 1, 1];
  let line: Point[] = [];
  while (bad - good > 1) {
    const used = await use(next);
    if (used === null) {
      bad = next;
      next = good + ((3 * (bad - good)) >> 2);
    } else {
      good = next;
      line = [...line.slice(-1), { n: good, used }];
      next = reachOf(line);
    }
    next = Math.max(good + 1, Math.min(next, bad - 1));
  }
  return good;
}

/** The n at which the line through two points is at 1; of one point alone, a few times its n. */
function reachOf([a, b]: readonly Point[]): number {
  if (!b) return 4 * a!.n;
  const slope = (b.used - a!.used) / (b.n - a!.n);
  return slope > 0 ? b.n + Math.floor((1 - b.used) / slope) : 2 * b.n;
}

/** Enough to see bounds: the first step of a run has none. */
const fewSteps = 2;

/**
 * The steps that tell the time of a batch. The first and the last are not timed, and a controller collects in the second, the
 * third, the fifth and, where there are so many, the ninth and the eleventh. Four others are left, or more where batches are
 * small and vary more.
 */
const timedSteps = (batch: number): number => 5 + Math.min(8, Math.max(4, Math.ceil(64 / batch)));

/** Its weights and momentum, for batches of another size, which begin a new epoch. */
const atTheStart = ({ state, ...checkpoint }: Checkpoint): Checkpoint => ({
  ...checkpoint,
  state: { ...state, position: { epoch: 0, batch: 0 } },
});

/** Without and with the setting `fit`, for a store that has it. */
const ways = ({ store, fit }: Pick<MaxBatchOptions, "store" | "fit">): readonly boolean[] =>
  fit && reads({ ...defaults, store }, "fit") ? [false, true] : [false];

/** Null if the steps do not fit. */
async function attempt(
  settings: Settings,
  dataset: Dataset,
  from: Checkpoint | null,
): Promise<Measured | null> {
  try {
    return await measure(settings, dataset, { from });
  } catch (error) {
    if (error instanceof MemoryError || error instanceof BudgetError) return null;
    throw error;
  }
}

/** Trains a batch for some steps; null if they do not fit. */
export type Tried = (batch: number, steps: number) => Promise<Measured | null>;

type Best = { batch: number; found: Measured } | null;

/** The largest batch that trains for all steps that tell its time; null if not even one image does. */
export async function largestOf(limit: number, tried: Tried, bytes: number, told: string): Promise<Best> {
  const peaks = new Map<number, number | null>();
  for (let most = limit; ; ) {
    const batch = await largest(most, async (n) => {
      if (!peaks.has(n)) {
        const peak = (await tried(n, fewSteps))?.last.devicePeakBytes ?? null;
        peaks.set(n, peak);
        process.stderr.write(`${told}, batch ${n}: ${peak === null ? "does not fit" : formatBytes(peak)}\n`);
      }
      const peak = peaks.get(n)!;
      return peak === null ? null : peak / bytes;
    });
    if (batch === 0) return null;
    const found = await tried(batch, timedSteps(batch));
    if (found) return { batch, found };
    process.stderr.write(`${told}, batch ${batch}: does not fit for ${timedSteps(batch)} steps\n`);
    most = batch - 1;
  }
}

function rowOf(store: string, fit: boolean, best: Best): LargestBatch {
  if (best === null) return { store, fit, batch: 0, imagesPerSecond: null, noiseShare: null };
  const { batch, found } = best;
  const { noise, lawNoise } = found.last;
  const noiseShare = noise === undefined || lawNoise === undefined ? null : noise / lawNoise;
  return { store, fit, batch, imagesPerSecond: (1000 * batch) / found.longMs, noiseShare };
}

export function registerMaxBatch(program: Command): void {
  const command = program
    .command("max-batch")
    .description("find the largest batch that trains within a budget, under each store");
  addMeasuringOptions(command, "1GiB")
    .addOption(settingOption("momentumType"))
    .addOption(numeric("--most <N>", "no larger batch is tried", "--most 64", 256))
    .addOption(
      option(
        "--from <run>",
        "the weights and the data of a run's last checkpoint",
        "--from runs/resnet50-…",
        "",
      ),
    )
    .addOption(option("--no-fit", "do not also try to make batches fit by looser bounds", "--no-fit", true))
    .addOption(option("--json", "print the rows as JSON", "--store comet --json", false))
    .addHelpText("after", "\nExample:\n  comet max-batch --model resnet50 --memory 1GiB --data ./photos")
    .action(async (given: MaxBatchOptions, command: Command) => {
      const options = given.from === "" ? given : { ...given, ...begunAs(given.from, command) };
      const { model, memory, most, threads, profile, momentumType, json } = options;
      const from = options.from === "" ? null : atTheStart(await lastOf(options.from));
      const dataset = await open(options, 2 * most);
      const rows: LargestBatch[] = [];
      // No batch has more images than the data set.
      const limit = Math.min(most, dataset.train.length);
      try {
        if (from) checkData(readManifest(options.from), dataset);
        const courseOf = (steps: number): Settings => ({
          ...(from
            ? behind(from, steps, dataset.train.length)
            : { ...defaults, model, lr: modelNamed(model).lr }),
          steps,
          stopAfter: 0,
        });
        const bytes = parseBytes(memory)!;
        for (const store of asked(options)) {
          for (const fit of ways({ store, fit: options.fit })) {
            const means = { memory, threads, profile, momentumType };
            const tried: Tried = (batch, steps) =>
              attempt({ ...courseOf(steps), store, batch, ...means, fit }, dataset, from);
            const best = await largestOf(limit, tried, bytes, `${store}${fit ? " --fit" : ""}`);
            rows.push(rowOf(store, fit, best));
          }
        }
      } finally {
        await dataset.close();
      }
      const { name, height, width } = dataset;
      const title = `${model}, ${height} × ${width}, ${memory}, ${name}`;
      process.stdout.write(json ? `${JSON.stringify(rows)}\n` : `${title}\n${tableOf(rows, limit)}\n`);
    });
}

/** `limit`: the largest batch that was tried; more may fit. */
function tableOf(rows: readonly LargestBatch[], limit: number): string {
  const table = new Table({
    head: ["store", "largest batch", "images a second", "noise ÷ the law's"],
    style: { head: [], border: [] },
    colAligns: ["left", "right", "right", "right"],
  });
  const told = (value: number | null) => (value === null ? "–" : value.toFixed(2));
  for (const { store, fit, batch, imagesPerSecond, noiseShare } of rows) {
    const largest = batch === limit ? `${batch}, the most tried` : String(batch);
    table.push([fit ? `${store} --fit` : store, largest, told(imagesPerSecond), told(noiseShare)]);
  }
  return table.toString();
}
