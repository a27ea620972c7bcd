/** Real training steps of a network under one store: what they hold, and what the store takes of their time. */
import type { Command } from "commander";
import type { Dataset } from "../data/dataset.js";
import { openDataset } from "../data/open.js";
import { randomImages } from "../data/random.js";
import { type Checkpoint, restoreNetwork } from "../runs/checkpoint.js";
import { Summarizer, type Summary } from "../runs/summary.js";
import { stopwatch } from "../stores/stopwatch.js";
import { type TrainHooks, train } from "../training/loop.js";
import type { SiteRecord, StepRecord } from "../training/records.js";
import { createSession, defaults, type Settings } from "../training/session.js";
import { choice, numeric, option } from "./options.js";

export const stores = ["plain", "lean", "comet-conv", "comet"] as const;

/** What `comet memory` and `comet max-batch` ask for alike. */
export interface MeasuringOptions {
  model: string;
  image: number;
  data: string;
  memory: string;
  threads: number;
  store: "all" | (typeof stores)[number];
}

export const addMeasuringOptions = (command: Command, memory: string): Command =>
  command
    .addOption(option("--model <name>", "network", "--model resnet50", "resnet50"))
    .addOption(numeric("--image <size>", "side of the images", "--image 224", 224))
    .addOption(option("--data <name|path>", "random, or as train takes it", "--data ./photos", "random"))
    .addOption(option("--memory <bytes>", "the device's budget", "--memory 2GiB", memory))
    .addOption(numeric("--threads <n>", "threads", "--threads 2", defaults.threads))
    .addOption(choice("--store <kind>", "one store, or all", "--store lean", ["all", ...stores], "all"));

export const asked = ({ store }: MeasuringOptions): readonly Settings["store"][] =>
  store === "all" ? stores : [store];

export const open = ({ data, image }: MeasuringOptions, images: number): Promise<Dataset> =>
  data === "random" ? Promise.resolve(randomImages(images, image)) : openDataset(data, { size: image });

export type Errors = Pick<Summary, "sigma" | "worstErrorRatio" | "auditedFrames">;

/** The first step comes before bounds and before warm code: it is not told of. */
export interface Measured {
  /** The last step. */
  last: StepRecord;
  sites: SiteRecord["sites"];
  /** What a probe and an audit saw, if there were any. */
  errors: Errors;
  /** Of the fastest step. */
  ms: number;
  /** Packing, unpacking and making again, as a share of the time of all steps. */
  storeShare: number;
  /** Of this process up to the last of these steps, as the operating system says. */
  residentPeakBytes: number;
}

interface How {
  /** Null: from the start. */
  from?: Checkpoint | null;
  /** The step behind so many is probed, with so many draws, and audited, and is none of those that are told of. */
  probeBehind?: number;
  draws?: number;
}

/** A few steps under one store. No image is tested. */
export async function measure(
  settings: Settings,
  { test, ...dataset }: Dataset,
  { from = null, probeBehind = Number.POSITIVE_INFINITY, draws = 0 }: How = {},
): Promise<Measured> {
  const steps: { record: StepRecord; storeMs: number }[] = [];
  const summarizer = new Summarizer();
  let residentPeakBytes = 0;
  /** Asked before each step. */
  let probing = false;
  const probes = () => {
    probing = steps.length >= probeBehind;
    return probing;
  };
  let sites: SiteRecord["sites"] = [];
  const session = createSession(settings, { ...dataset, test: { ...test, length: 0, batch() {} } });
  const elapsed = stopwatch(session.engine.store);
  try {
    if (from) await restoreNetwork(session, from);
    const hooks: TrainHooks = {
      onRecord(record) {
        summarizer.add(record);
        if (probing) return;
        if (record.kind === "step") {
          steps.push({ record, storeMs: elapsed() });
          residentPeakBytes = process.resourceUsage().maxRSS * 1024;
        }
        if (record.kind === "sites") sites = record.sites;
      },
      probeAt: probes,
      auditAt: probes,
      draws,
    };
    await train(session, hooks, from?.state.position);
  } finally {
    await session.close();
  }
  const timed = steps.slice(1).map(({ record }) => record.ms);
  return {
    last: steps.at(-1)!.record,
    sites,
    errors: summarizer.summary,
    ms: timed.reduce((least, ms) => Math.min(least, ms)),
    storeShare: (steps.at(-1)!.storeMs - steps[0]!.storeMs) / timed.reduce((sum, ms) => sum + ms, 0),
    residentPeakBytes,
  };
}
