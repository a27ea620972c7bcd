/** Real training steps of a network under one store: the memory that they take, and the store's share of their time. */
import type { Command } from "commander";
import type { Dataset } from "../data/dataset.js";
import { openDataset } from "../data/open.js";
import { mostPixels } from "../data/picture.js";
import { randomImages } from "../data/random.js";
import type { OccupancyRecord } from "../device/occupancy.js";
import { type ChainRow, chainRows } from "../engine/chain-rows.js";
import { median } from "../experiments/statistics.js";
import { type Checkpoint, restoreNetwork } from "../runs/checkpoint.js";
import { Summarizer, type Summary } from "../runs/summary.js";
import type { GradientErrors } from "../stores/gradient-error.js";
import { type StoreName, storeNames } from "../stores/registry.js";
import { type StoreTime, stopwatch, totalMs } from "../stores/stopwatch.js";
import type { TrainHooks } from "../training/hooks.js";
import { train } from "../training/loop.js";
import type { SiteRecord, StepRecord } from "../training/records.js";
import { createSession } from "../training/session.js";
import { defaults, type Settings } from "../training/settings.js";
import { choice, numeric, option, settingOption } from "./options.js";

/** What is measured, and with which means. */
export interface NetworkOptions {
  model: string;
  image: number;
  maxPixels: number;
  data: string;
  memory: string;
  threads: number;
  profile: Settings["profile"];
}

/** The options that `comet memory` and `comet max-batch` share. */
export interface MeasuringOptions extends NetworkOptions {
  store: "all" | StoreName;
}

export const addNetworkOptions = (
  command: Command,
  { memory, model = "resnet50", data = "random" }: { memory: string; model?: string; data?: string },
): Command =>
  command
    .addOption(option("--model <name>", "network", "--model resnet50", model))
    .addOption(numeric("--image <size>", "side of the images", "--image 224", 224))
    .addOption(numeric("--max-pixels <n>", "refuse images of more pixels", "--max-pixels 200e6", mostPixels))
    .addOption(option("--data <name|path>", "random, or as train takes it", "--data ./photos", data))
    .addOption(option("--memory <bytes>", "the device's budget", "--memory 2GiB", memory))
    .addOption(numeric("--threads <n>", "threads", "--threads 2", defaults.threads))
    .addOption(settingOption("profile"));

export const addMeasuringOptions = (command: Command, memory: string): Command =>
  addNetworkOptions(command, { memory }).addOption(
    choice("--store <name>", "one store, or all", "--store recompute", ["all", ...storeNames], "all"),
  );

export const asked = ({ store }: MeasuringOptions): readonly StoreName[] =>
  store === "all" ? storeNames : [store];

export const open = ({ data, image, maxPixels }: NetworkOptions, images: number): Promise<Dataset> =>
  data === "random"
    ? Promise.resolve(randomImages(images, image))
    : openDataset(data, { size: image, maxPixels });

export type Errors = Pick<Summary, "sigma" | "worstErrorRatio" | "auditedFrames" | "largestError" | "moved">;

/**
 * The first step is left out: it comes before bounds are known and before the code is compiled. So is, for times, a step in
 * which the blocks of the device are counted, unless there is no other.
 */
export interface Measured {
  /** The record of the last step. */
  last: StepRecord;
  sites: SiteRecord["sites"];
  /** What lived on the device through the last timed step: of the reported ones, unless a later one is probed. */
  occupancy: OccupancyRecord | null;
  /** What became of the saved tensors of the last step, the one after the reported ones if that is probed. */
  chains: ChainRow[];
  /** What a probe and an audit found, if there were any. */
  errors: Errors;
  /** The time of the fastest step. */
  ms: number;
  /** The mean time of a step in a long training. See `longRun`. */
  longMs: number;
  /** The time of packing, unpacking and recomputing as a share of the time of all steps. */
  storeShare: number;
  /** The same time by its parts, the mean of a step, and that of the whole step. */
  parts: StoreTime & { stepMs: number };
  /** The peak of this process up to the last of these steps, by the operating system's count. */
  residentPeakBytes: number;
}

interface How {
  /** The checkpoint to start from; null for the start of a run. */
  from?: Checkpoint | null;
  /** The steps after this many are probed, with `draws` draws, and audited; they are not among the reported steps. */
  probeBehind?: number;
  draws?: number;
  /** Is given the errors of all probed gradients. */
  gradientErrors?: GradientErrors;
}

/**
 * The mean time of a step in a long training, of which every `every`-th step collects, by the median steps of both kinds:
 * the fastest of many short steps was disturbed less by other work of the machine than the fastest of few long ones.
 */
export function longRun(steps: readonly { ms: number; collects: boolean }[], every: number): number {
  const [usual, collecting] = [false, true].map((kind) =>
    steps.filter(({ collects }) => collects === kind).map(({ ms }) => ms),
  ) as [number[], number[]];
  if (usual.length === 0 || collecting.length === 0) return median([...usual, ...collecting]);
  return ((every - 1) * median(usual) + median(collecting)) / every;
}

/** Runs a few steps under one store, without evaluation. */
export async function measure(
  settings: Settings,
  { test, ...dataset }: Dataset,
  { from = null, probeBehind = Number.POSITIVE_INFINITY, draws = 0, gradientErrors }: How = {},
): Promise<Measured> {
  const steps: { record: StepRecord; time: StoreTime; counted: boolean; collects: boolean }[] = [];
  const summarizer = new Summarizer();
  let residentPeakBytes = 0;
  /** Called before each step. */
  let probing = false;
  const probes = () => {
    probing = steps.length >= probeBehind;
    return probing;
  };
  let sites: SiteRecord["sites"] = [];
  let occupancy: OccupancyRecord | null = null;
  const session = createSession(settings, { ...dataset, test: { ...test, length: 0, batch() {} } });
  const elapsed = stopwatch(session.engine.store);
  try {
    if (from) await restoreNetwork(session, from);
    const hooks: TrainHooks = {
      onRecord(record) {
        summarizer.add(record);
        if (record.kind === "memory") {
          occupancy = record.occupancy ?? null;
          const step = steps.at(-1);
          if (step?.record.step === record.step) step.counted = true;
        }
        if (probing) return;
        if (record.kind === "step") {
          steps.push({ record, time: elapsed(), counted: false, collects: false });
          residentPeakBytes = process.resourceUsage().maxRSS * 1024;
        }
        if (record.kind === "sites") {
          sites = record.sites;
          steps.at(-1)!.collects = true;
        }
      },
      probeAt: probes,
      auditAt: probes,
      draws,
      ...(gradientErrors ? { gradientErrors } : {}),
    };
    await train(session, hooks, from?.state.position);
  } finally {
    await session.close();
  }
  const end = steps.length > 2 && steps.at(-1)!.counted ? steps.at(-2)! : steps.at(-1)!;
  const among = steps.slice(1, steps.indexOf(end) + 1);
  const timed = among.map(({ record }) => record.ms);
  const allMs = timed.reduce((sum, ms) => sum + ms, 0);
  const spent = (part: keyof StoreTime) => end.time[part] - steps[0]!.time[part];
  const perStep = (part: keyof StoreTime) => spent(part) / timed.length;
  return {
    last: steps.at(-1)!.record,
    sites,
    occupancy,
    chains: chainRows(session.engine.store),
    errors: summarizer.summary,
    ms: timed.reduce((least, ms) => Math.min(least, ms), Infinity),
    longMs: longRun(
      among.map(({ record: { ms }, collects }) => ({ ms, collects })),
      settings.every,
    ),
    storeShare: (totalMs(end.time) - totalMs(steps[0]!.time)) / allMs,
    parts: {
      packMs: perStep("packMs"),
      unpackMs: perStep("unpackMs"),
      recomputeMs: perStep("recomputeMs"),
      stepMs: allMs / timed.length,
    },
    residentPeakBytes,
  };
}
