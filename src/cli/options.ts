/** The options of a training run, as the command line takes them: one help line and one example each. */
import { type Command, InvalidArgumentError, Option } from "commander";
import { modelNamed, models } from "../models/models.js";
import { inits } from "../nn/index.js";
import { suggestion } from "../suggest.js";
import { schedules } from "../training/optim.js";
import { defaults, profiles, type Settings } from "../training/session.js";

/** Where things come from and go to; the rest of a run's options are its Settings. */
export interface Places {
  data: string;
  out: string;
  image: number;
  skipBad: boolean;
  json: boolean;
  probeEvery: number;
  auditEvery: number;
  checkpointEvery: number;
  /** False: none are written. */
  checkpoints: boolean;
}

export const modes: readonly Settings["mode"][] = ["auto", "fast", "dense"];

export const policies: readonly Settings["policy"][] = ["law", "spread", "budget", "paper", "fixed"];

const number = (text: string): number => {
  const value = Number(text);
  if (text.trim() === "" || Number.isNaN(value)) throw new InvalidArgumentError("It is not a number.");
  return value;
};

/** Every option has a help line and an example. */
export const option = (flags: string, text: string, example: string, value: unknown): Option =>
  new Option(flags, `${text} (e.g. ${example})`).default(value);

/** One of a few words, which the help lists; a mistyped one is told its nearest. */
export function choice<Word extends string>(
  flags: string,
  text: string,
  example: string,
  words: readonly Word[],
  value: Word,
): Option {
  const parse = (typed: string) => {
    if (words.some((word) => word === typed)) return typed;
    throw new InvalidArgumentError(`It is no known one: ${suggestion(typed, words)}.`);
  };
  return option(flags, text, example, value).choices(words).argParser(parse);
}

export const numeric = (flags: string, text: string, example: string, value: number | undefined) =>
  option(flags, text, example, value).argParser(number);

export function addTrainOptions(command: Command): Command {
  return command
    .addOption(
      option(
        "--model <name>",
        `network: ${Object.keys(models).join(", ")}`,
        "--model resnet20",
        defaults.model,
      ),
    )
    .addOption(
      option(
        "--data <name|path>",
        "data: fashion-mnist, cifar10, cifar100, or a folder of images",
        "--data ./photos",
        "fashion-mnist",
      ),
    )
    .addOption(
      choice(
        "--store <kind>",
        "how tensors are kept for backward",
        "--store plain",
        ["comet", "comet-conv", "lean", "plain"],
        defaults.store,
      ),
    )
    .addOption(
      choice(
        "--policy <name>",
        "how bounds are chosen",
        "--policy fixed --bound 1e-3",
        policies,
        defaults.policy,
      ),
    )
    .addOption(
      option(
        "--saved-bytes <bytes>",
        "what --policy budget may save; what --memory leaves unless told",
        "--policy budget --saved-bytes 512MiB",
        defaults.savedBytes,
      ),
    )
    .addOption(
      numeric("--bound <eb>", "absolute error bound of --policy fixed", "--bound 1e-3", defaults.bound),
    )
    .addOption(
      numeric(
        "--share <s>",
        "accepted gradient σ as a share of mean |momentum|",
        "--share 0.01",
        defaults.share,
      ),
    )
    .addOption(numeric("--every <W>", "steps between collections", "--every 20", defaults.every))
    .addOption(
      choice(
        "--quantizer <name>",
        "how values become bins: see docs/format.md",
        "--quantizer support",
        ["support", "paper", "dithered"],
        defaults.quantizer,
      ),
    )
    .addOption(choice("--mode <name>", "the codec's mode", "--mode dense", modes, defaults.mode))
    .addOption(numeric("--epochs <n>", "passes over the training images", "--epochs 2", defaults.epochs))
    .addOption(numeric("--steps <n>", "at most so many steps; 0: no limit", "--steps 100", defaults.steps))
    .addOption(
      numeric(
        "--stop-after <n>",
        "end early, as the first part of a longer run; 0: do not",
        "--stop-after 50",
        defaults.stopAfter,
      ),
    )
    .addOption(numeric("--batch <N>", "images a step", "--batch 128", defaults.batch))
    .addOption(
      numeric(
        "--lr <rate>",
        "learning rate at the start; the network's own unless told",
        "--lr 0.05",
        undefined,
      ),
    )
    .addOption(
      choice(
        "--init <name>",
        "what first weights are drawn from; own: what the network says",
        "--init lecun",
        ["own", ...inits],
        defaults.init,
      ),
    )
    .addOption(numeric("--momentum <m>", "SGD momentum", "--momentum 0.9", defaults.momentum))
    .addOption(numeric("--weight-decay <d>", "L2 penalty", "--weight-decay 1e-4", defaults.weightDecay))
    .addOption(option("--nesterov", "Nesterov momentum", "--nesterov --momentum 0.9", defaults.nesterov))
    .addOption(
      choice(
        "--schedule <name>",
        "course of the learning rate",
        "--schedule step",
        Object.keys(schedules),
        defaults.schedule,
      ),
    )
    .addOption(numeric("--warmup <n>", "steps of linear warm-up", "--warmup 50", defaults.warmup))
    .addOption(
      numeric(
        "--ema <decay>",
        "test with a moving average of the weights that decays so slowly; 0: do not",
        "--ema 0.999",
        defaults.ema,
      ),
    )
    .addOption(numeric("--smoothing <e>", "label smoothing", "--smoothing 0.1", defaults.smoothing))
    .addOption(
      option(
        "--no-augment",
        "train on the images as they are, as fashion-mnist is anyway",
        "--data cifar10 --no-augment",
        defaults.augment,
      ),
    )
    .addOption(
      numeric("--seed <n>", "decides weights, order, augmentation and masks", "--seed 7", defaults.seed),
    )
    .addOption(option("--memory <bytes>", "the device's budget", "--memory 512MiB", defaults.memory))
    .addOption(
      numeric("--threads <n>", "threads; results do not depend on it", "--threads 2", defaults.threads),
    )
    .addOption(
      choice(
        "--profile <name>",
        "arithmetic: strict repeats on any machine, fused is faster where the machine can",
        "--profile fused",
        profiles,
        defaults.profile,
      ),
    )
    .addOption(option("--out <folder>", "where runs are written", "--out runs", "runs"))
    .addOption(numeric("--image <size>", "side of the square cut from photographs", "--image 128", 224))
    .addOption(
      option(
        "--skip-bad",
        "leave out images that cannot be read, and count them",
        "--data ./photos --skip-bad",
        false,
      ),
    )
    .addOption(
      numeric("--probe-every <n>", "measure gradient errors every n steps; 0: never", "--probe-every 50", 0),
    )
    .addOption(
      numeric(
        "--audit-every <n>",
        "compare all frames with their originals every n steps; 0: never",
        "--audit-every 20",
        0,
      ),
    )
    .addOption(
      numeric(
        "--checkpoint-every <n>",
        "steps from one checkpoint to the next; 0: one after each epoch",
        "--checkpoint-every 500",
        0,
      ),
    )
    .addOption(
      option(
        "--no-checkpoints",
        "write none; they take twice the weights' size each, and two are kept",
        "--model lenet --no-checkpoints",
        true,
      ),
    )
    .addOption(
      option("--json", "print one JSON line at the end instead of a table", "--json > result.json", false),
    );
}

/** What commander parsed: a learning rate is there if it was typed. */
export type Parsed = Omit<Settings, "lr"> & { lr?: number } & Places;

/** Splits it, and fills in the network's learning rate. */
export function parsed(options: Parsed): { settings: Settings; places: Places } {
  const {
    lr = modelNamed(options.model).lr,
    data,
    out,
    image,
    skipBad,
    json,
    probeEvery,
    auditEvery,
    checkpointEvery,
    checkpoints,
    ...settings
  } = options;
  const places = {
    data,
    out,
    image,
    skipBad,
    json,
    probeEvery,
    auditEvery,
    checkpointEvery,
    checkpoints,
  };
  return { settings: { ...settings, lr }, places };
}
