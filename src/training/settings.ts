/**
 * The settings of a training run: all that decides its numbers, besides the data. A run's manifest holds them.
 *
 * The tables here and those of the stores (stores/registry.ts) are the only place where a setting is declared. Errors
 * name a setting as `settings.NAME`; the command line turns that into its option.
 */

import { type Profile, profiles } from "../device/kernel-module.js";
import { parseBytes } from "../device/ledger.js";
import { defaultThreads } from "../device/workers.js";
import { UsageError } from "../error.js";
import { models } from "../models/models.js";
import { inits } from "../nn/index.js";
import {
  checkSettings,
  defaultsOf,
  flag,
  real,
  type Setting,
  type SettingsOf,
  type SettingsTable,
  text,
  whole,
  word,
} from "../setting.js";
import { reads, type StoreName, storeNames, storeSettings, stores } from "../stores/registry.js";
import { momentumTypes } from "./momentum.js";
import { type Schedule, schedules, warmUp } from "./optim.js";

const share = (value: number): boolean => value >= 0 && value < 1;

const runSettings = {
  model: text("name", {
    default: "resnet8",
    help: `network: ${Object.keys(models).join(", ")}`,
    example: { model: "resnet20" },
  }),
  store: word<StoreName>(storeNames, {
    default: "comet",
    help: `how tensors are kept for the backward pass: ${stores.map(({ name, help }) => `${name}, ${help}`).join("; ")}`,
    example: { store: "plain" },
  }),
  init: word(["own", ...inits] as const, {
    default: "own",
    help: "the distribution of the first weights; own: the network's",
    example: { init: "lecun" },
  }),
  epochs: whole(1, "n", {
    default: 1,
    help: "passes over the training images",
    example: { epochs: 2 },
  }),
  steps: whole(0, "n", {
    default: 0,
    help: "the most steps of the run; 0: no limit",
    example: { steps: 100 },
  }),
  stopAfter: whole(0, "n", {
    default: 0,
    help: "end after this step, as the first part of a longer run; 0: do not",
    example: { stopAfter: 50 },
  }),
  batch: whole(1, "N", {
    default: 64,
    help: "images in a step",
    example: { batch: 128 },
  }),
  lr: real("a finite number", Number.isFinite, "rate", {
    default: 0.1,
    help: "learning rate at the start; unless given, the network's own",
    example: { lr: 0.05 },
  }),
  momentum: real("a number in [0, 1)", share, "m", {
    default: 0.9,
    help: "momentum of SGD",
    example: { momentum: 0.9 },
  }),
  momentumType: word(momentumTypes, {
    default: "float32",
    help: "how the momentum is kept; bfloat16 halves its bytes",
    example: { momentumType: "bfloat16" },
  }),
  weightDecay: real("a finite number", Number.isFinite, "d", {
    default: 5e-4,
    help: "L2 penalty",
    example: { weightDecay: 1e-4 },
  }),
  nesterov: flag({
    default: false,
    help: "use Nesterov momentum",
    example: { nesterov: true, momentum: 0.9 },
  }),
  schedule: word(Object.keys(schedules), {
    default: "cosine",
    help: "course of the learning rate",
    example: { schedule: "step" },
  }),
  warmup: whole(0, "n", {
    default: 0,
    help: "steps of linear warm-up",
    example: { warmup: 50 },
  }),
  smoothing: real("a number in [0, 1)", share, "e", {
    default: 0,
    help: "label smoothing",
    example: { smoothing: 0.1 },
  }),
  ema: real("a number in [0, 1)", share, "decay", {
    default: 0,
    help: "test with a moving average of the weights of this decay; 0: test with the weights",
    example: { ema: 0.999 },
  }),
  augment: flag({
    default: true,
    help: "train on the images as they are, without random shifts, crops and flips",
    example: { augment: false },
  }),
  seed: real("a whole number of 32 bits", (value) => value === (value | 0), "n", {
    default: 1,
    help: "seed of the weights, the order, the augmentation and the masks",
    example: { seed: 7 },
  }),
  memory: {
    ...text("bytes", {
      default: "1GiB",
      help: "the device's budget",
      example: { memory: "512MiB" },
    }),
    expected: "an amount of bytes",
    accepts: (value: unknown) => typeof value === "string" && parseBytes(value) !== null,
  },
  threads: whole(1, "n", {
    default: defaultThreads,
    help: "number of threads; results do not depend on it",
    example: { threads: 2 },
  }),
  profile: word<Profile>(profiles, {
    default: "strict",
    help: "arithmetic: strict repeats on any machine, fused is faster where the machine can",
    example: { profile: "fused" },
  }),
};

/** Every setting by name, in the order in which the help lists them. */
export const settingsTable = { ...runSettings, ...storeSettings };

export type Settings = SettingsOf<typeof settingsTable>;

export const defaults: Settings = defaultsOf(settingsTable);

/** Throws a UsageError for the first setting that has a wrong value, or whose promise the run would not keep. */
export function checkRun(settings: Settings): void {
  const table = settingsTable as SettingsTable;
  checkSettings(table, settings);
  for (const [name, value] of Object.entries(settings)) {
    const { promise = false, default: standard } = table[name]!;
    if (!promise || value === standard || reads(settings, name)) continue;
    const { choice, readers } = readersOf(settings, name);
    throw new UsageError({
      where: `settings.${name}`,
      expected: `settings.${choice} ${readers.join(" or ")}, which reads it`,
      got: `settings.${choice} ${settings[choice]}`,
      remedy: `leave settings.${name} out, or choose another settings.${choice}`,
    });
  }
}

/** The choice that would have to be another, and those of its words with which a run would read a setting. */
function readersOf(settings: Settings, name: string): { choice: keyof Settings; readers: readonly string[] } {
  const one = (Object.entries(settingsTable as SettingsTable) as [keyof Settings, Setting<unknown>][])
    .map(([choice, { words = [] }]) => ({
      choice,
      readers: (words as readonly string[]).filter((word) => reads({ ...settings, [choice]: word }, name)),
    }))
    .find(({ readers }) => readers.length > 0);
  // Two choices would have to be others: the store comes first.
  const stored = stores.filter((kind) => Object.hasOwn(kind.settings, name));
  return one ?? { choice: "store", readers: stored.map((kind) => kind.name) };
}

/** The course of the learning rate. */
export function scheduleOf({ schedule, warmup }: Pick<Settings, "schedule" | "warmup">): Schedule {
  const named = schedules[schedule]!;
  return warmup > 0 ? warmUp(warmup, named) : named;
}
