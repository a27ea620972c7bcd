/** A session: everything one training run holds, from its settings. */

import { Controller } from "../comet/controller.js";
import { deviceCodec } from "../comet/device-codec.js";
import { budget, fixed, law, type Policy, paper, spread } from "../comet/policy.js";
import { CometStore, type Mode, type Quantizer } from "../comet/store.js";
import type { Dataset } from "../data/dataset.js";
import type { KernelBuild, Profile } from "../device/kernel-module.js";
import { parseBytes } from "../device/ledger.js";
import { defaultThreads } from "../device/workers.js";
import { createEngine } from "../engine/engine.js";
import type { Engine } from "../engine/op.js";
import { LeanStore } from "../engine/store.js";
import { UsageError } from "../error.js";
import { createModel } from "../models/models.js";
import { build, type Init, type inits, type Module } from "../nn/index.js";
import { suggestion } from "../suggest.js";
import { Average } from "./average.js";
import { type Schedule, Sgd, schedules, warmUp } from "./optim.js";

/** All that decides a run's numbers, besides the data. Written into its manifest. */
export interface Settings {
  model: string;
  /** `comet-conv` compresses the inputs of convolutions and linear layers alone. */
  store: "plain" | "lean" | "comet-conv" | "comet";
  /** What first weights are drawn from, all over the network; "own": what it says itself, layer by layer. */
  init: "own" | (typeof inits)[number];
  /** COMET only. */
  policy: "law" | "spread" | "budget" | "paper" | "fixed";
  /** Policy `budget` only: the most that may be saved at any moment; "" for what else fits into `memory`. */
  savedBytes: string;
  /** Policy `fixed` only: absolute error bound. */
  bound: number;
  /** W: steps between collections. */
  every: number;
  /** Accepted σ as a share of mean |momentum|. */
  share: number;
  quantizer: Quantizer;
  mode: Mode;
  epochs: number;
  /** The most steps that the run has; 0 for no such limit. */
  steps: number;
  /** Ends before the run's last step, with its schedule unchanged: the first part of a longer run. 0: does not. */
  stopAfter: number;
  batch: number;
  lr: number;
  momentum: number;
  weightDecay: number;
  nesterov: boolean;
  schedule: string;
  warmup: number;
  smoothing: number;
  /** Decay of the moving average of the weights that tests see; 0: they see the weights. */
  ema: number;
  augment: boolean;
  seed: number;
  memory: string;
  threads: number;
  /** Decides bits, unlike `threads`. */
  profile: Profile;
}

export const defaults: Settings = {
  model: "resnet8",
  store: "comet",
  init: "own",
  policy: "law",
  savedBytes: "",
  bound: 1e-3,
  every: 10,
  share: 0.01,
  quantizer: "dithered",
  mode: "auto",
  epochs: 1,
  steps: 0,
  stopAfter: 0,
  batch: 64,
  lr: 0.1,
  momentum: 0.9,
  weightDecay: 5e-4,
  nesterov: false,
  schedule: "cosine",
  warmup: 0,
  smoothing: 0,
  ema: 0,
  augment: true,
  seed: 1,
  memory: "1GiB",
  threads: defaultThreads,
  profile: "strict",
};

export interface Session {
  readonly settings: Settings;
  readonly dataset: Dataset;
  readonly engine: Engine;
  readonly model: Module;
  readonly optimizer: Sgd;
  readonly schedule: Schedule;
  /** Null without --ema. */
  readonly average: Average | null;
  /** Null with the plain and the lean store. */
  readonly comet: CometStore | null;
  /** Ends its threads. Its memory goes with the last reference to it; the data set, which it borrows, stays open. */
  close(): Promise<void>;
}

function policyOf({ policy, bound }: Settings): Policy {
  if (policy === "fixed") return fixed(bound);
  return { law, spread, budget, paper }[policy];
}

/** The bytes that policy `budget` may save; 0 where that is not given in bytes. */
function allowedBytes({ policy, store, savedBytes }: Settings): number {
  const wrong = (where: string, expected: string, got: string, remedy: string) =>
    new UsageError({ where, expected, got, remedy });
  if (policy !== "budget") {
    if (!savedBytes) return 0;
    const remedy = "add --policy budget, or leave --saved-bytes out";
    throw wrong(
      "--saved-bytes",
      "policy budget, the only one that has a budget",
      `--policy ${policy}`,
      remedy,
    );
  }
  if (!store.startsWith("comet")) {
    const remedy = "use --store comet, or another policy";
    throw wrong("--policy budget", "a store whose bounds it can choose", `--store ${store}`, remedy);
  }
  if (!savedBytes) return 0;
  const bytes = parseBytes(savedBytes);
  if (bytes !== null && bytes > 0) return bytes;
  throw wrong("--saved-bytes", "an amount of bytes above 0", savedBytes, "give for example 512MiB");
}

/** The build of the kernels that computes as a profile says. */
const builds: Readonly<Record<Profile, KernelBuild>> = { strict: "release", fused: "fused" };

export const profiles = Object.keys(builds) as Profile[];

/** The course of the learning rate. */
export function scheduleOf({ schedule, warmup }: Settings): Schedule {
  const named = schedules[schedule];
  if (!named) {
    throw new UsageError({
      where: "--schedule",
      expected: `one of ${Object.keys(schedules).join(", ")}`,
      got: schedule,
      remedy: "choose one of them",
    });
  }
  return warmup > 0 ? warmUp(warmup, named) : named;
}

/** What each number must be, and an example of it. */
const numbers: readonly [
  option: string,
  key: keyof Settings,
  what: string,
  ok: (n: number) => boolean,
  example: number,
][] = [
  ["--batch", "batch", "a whole number of at least 1", (n) => Number.isInteger(n) && n >= 1, 64],
  ["--epochs", "epochs", "a whole number of at least 1", (n) => Number.isInteger(n) && n >= 1, 2],
  ["--steps", "steps", "a whole number of at least 0", (n) => Number.isInteger(n) && n >= 0, 100],
  ["--stop-after", "stopAfter", "a whole number of at least 0", (n) => Number.isInteger(n) && n >= 0, 50],
  ["--warmup", "warmup", "a whole number of at least 0", (n) => Number.isInteger(n) && n >= 0, 50],
  ["--seed", "seed", "a whole number of 32 bits", (n) => n === (n | 0), 7],
  ["--momentum", "momentum", "a number in [0, 1)", (n) => n >= 0 && n < 1, 0.9],
  ["--ema", "ema", "a number in [0, 1)", (n) => n >= 0 && n < 1, 0.999],
  ["--smoothing", "smoothing", "a number in [0, 1)", (n) => n >= 0 && n < 1, 0.1],
];

function validate(settings: Settings): void {
  for (const [where, key, expected, ok, example] of numbers) {
    const value = settings[key] as number;
    if (ok(value)) continue;
    throw new UsageError({ where, expected, got: String(value), remedy: `give for example ${example}` });
  }
  if (!profiles.includes(settings.profile)) {
    throw new UsageError({
      where: "--profile",
      expected: `one of ${profiles.join(", ")}`,
      got: String(settings.profile),
      remedy: suggestion(String(settings.profile), profiles),
    });
  }
  if (settings.policy !== "fixed" && settings.bound !== defaults.bound) {
    throw new UsageError({
      where: "--bound",
      expected: "policy fixed, the only one that takes a bound",
      got: `--policy ${settings.policy}`,
      remedy: "add --policy fixed, or leave --bound out",
    });
  }
}

/**
 * Every session has a device and threads of its own, so several may be open at once. Close each. `own`: an engine to use
 * in place of the one that the settings describe; it stays open.
 */
export function createSession(settings: Settings, dataset: Dataset, own?: Engine): Session {
  validate(settings);
  const schedule = scheduleOf(settings);
  const controller = new Controller({
    policy: policyOf(settings),
    every: settings.every,
    share: settings.share,
    savedBytes: allowedBytes(settings),
  });
  const { memory, threads, profile } = settings;
  const engine = own ?? createEngine({ memory, threads, build: builds[profile] });
  const close = async () => (own ? undefined : engine.close());
  try {
    const { channels, height, width, classes } = dataset;
    const input = { channels, height, width, classes: classes.length };
    // A manifest from before there was a choice has none.
    const init = (settings.init ?? "own") === "own" ? null : (settings.init as Init);
    const model = createModel(settings.model, build(engine, settings.seed, init), input);
    const optimizer = new Sgd(engine, model.allParameters(), settings);
    const average = settings.ema > 0 ? new Average(engine, model, settings.ema) : null;
    let comet: CometStore | null = null;
    if (settings.store === "lean") engine.store = new LeanStore();
    if (settings.store === "comet" || settings.store === "comet-conv") {
      const convOnly = settings.store === "comet-conv";
      comet = new CometStore(deviceCodec(engine), controller, { ...settings, convOnly });
      engine.store = comet;
      engine.observer = controller;
    }
    return { settings, dataset, engine, model, optimizer, schedule, average, comet, close };
  } catch (cause) {
    // Nobody else could end its threads.
    void close();
    throw cause;
  }
}
