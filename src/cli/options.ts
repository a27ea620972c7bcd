/**
 * The options of the command line. Those of a training run come from the table of settings: `weightDecay` becomes
 * `--weight-decay <d>`, a flag that is on by default becomes `--no-augment`.
 */
import { type Command, InvalidArgumentError, Option } from "commander";
import { mostPixels } from "../data/picture.js";
import { modelNamed } from "../models/models.js";
import type { Setting, SettingsTable } from "../setting.js";
import { suggestion } from "../suggest.js";
import { type Settings, settingsTable } from "../training/settings.js";

/** Where a run's data comes from, where its results go and what is measured. The other options are its Settings. */
export interface Places {
  data: string;
  out: string;
  image: number;
  skipBad: boolean;
  maxPixels: number;
  json: boolean;
  probeEvery: number;
  auditEvery: number;
  checkpointEvery: number;
  /** False: none are written. */
  checkpoints: boolean;
}

const number = (text: string): number => {
  const value = Number(text);
  if (text.trim() === "" || Number.isNaN(value)) throw new InvalidArgumentError("It is not a number.");
  return value;
};

/** Every option has a help line and an example. */
export const option = (flags: string, text: string, example: string, value: unknown): Option =>
  new Option(flags, `${text} (e.g. ${example})`).default(value);

/** One of a few words, which the help lists. The error for a mistyped word names the nearest one. */
export function choice<Word extends string>(
  flags: string,
  text: string,
  example: string,
  words: readonly Word[],
  value: Word,
): Option {
  return option(flags, text, example, value).choices(words).argParser(known(words));
}

const known = (words: readonly string[]) => (typed: string) => {
  if (words.includes(typed)) return typed;
  throw new InvalidArgumentError(`It is no known one: ${suggestion(typed, words)}.`);
};

export const numeric = (flags: string, text: string, example: string, value: number | undefined) =>
  option(flags, text, example, value).argParser(number);

/** A whole number of at least 1. */
export const wholeNumber = (flags: string, text: string, example: string, value: number | undefined) =>
  option(flags, text, example, value).argParser((typed) => {
    const read = number(typed);
    if (Number.isSafeInteger(read) && read > 0) return read;
    throw new InvalidArgumentError("It is not a whole number above 0.");
  });

/** `weightDecay` → `--weight-decay`. */
export const flagOf = (setting: string): string =>
  `--${setting.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

/** `{ policy: "fixed", bound: 0.001 }` → `--policy fixed --bound 0.001`. */
const typed = (example: Readonly<Record<string, unknown>>): string =>
  Object.entries(example)
    .map(([name, value]) => {
      if (value === true) return flagOf(name);
      return value === false ? `--no-${name}` : `${flagOf(name)} ${value}`;
    })
    .join(" ");

/** The option of one setting. */
export function settingOption(name: keyof Settings): Option {
  const setting = (settingsTable as SettingsTable)[name] as Setting<unknown>;
  const { placeholder, help, example, words } = setting;
  const flags = placeholder === null ? flagOf(name) : `${flagOf(name)} <${placeholder}>`;
  const made = option(
    setting.default === true ? `--no-${name}` : flags,
    help,
    typed(example),
    setting.default,
  );
  if (words) return made.choices(words as readonly string[]).argParser(known(words as readonly string[]));
  if (placeholder === null) return made;
  return typeof setting.default === "number" ? made.argParser(number) : made;
}

/** Settings without a default here. A learning rate that is not typed is the network's own. */
const undefaulted: ReadonlySet<string> = new Set(["lr"]);

export function addTrainOptions(command: Command): Command {
  for (const name of Object.keys(settingsTable) as (keyof Settings)[]) {
    const made = settingOption(name);
    command.addOption(undefaulted.has(name) ? made.default(undefined) : made);
  }
  return command
    .addOption(
      option(
        "--data <name|path>",
        "data: fashion-mnist, cifar10, cifar100, or a folder of images",
        "--data ./photos",
        "fashion-mnist",
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
      numeric(
        "--max-pixels <n>",
        "refuse images of more pixels",
        "--data ./photos --max-pixels 200e6",
        mostPixels,
      ),
    )
    .addOption(
      numeric("--probe-every <n>", "measure gradient errors every n steps; 0: never", "--probe-every 50", 0),
    )
    .addOption(
      numeric(
        "--audit-every <n>",
        "compare all packed tensors with their originals every n steps; 0: never",
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
        "write no checkpoints; two are kept, and each takes twice the size of the weights",
        "--model lenet --no-checkpoints",
        true,
      ),
    )
    .addOption(
      option("--json", "print one JSON line at the end instead of a table", "--json > result.json", false),
    );
}

/** What commander parsed. The learning rate is absent if it was not typed. */
export type Parsed = Omit<Settings, "lr"> & { lr?: number } & Places;

/** Separates settings from places, and fills in the network's learning rate. */
export function parsed(options: Parsed): { settings: Settings; places: Places } {
  const {
    lr = modelNamed(options.model).lr,
    data,
    out,
    image,
    skipBad,
    maxPixels,
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
    maxPixels,
    json,
    probeEvery,
    auditEvery,
    checkpointEvery,
    checkpoints,
  };
  return { settings: { ...settings, lr }, places };
}

/**
 * The text of an error of the library, with `settings.NAME` as the option that sets it. After `FILE: ` it is a place in a
 * file, and stays.
 */
export const asOptions = (message: string): string =>
  message
    .replace(/(?<!: )\bsettings\.(\w+)/g, (_, name: string) => flagOf(name))
    .replace(/\bdataset\.(source|size)\b/g, (_, name: string) => (name === "size" ? "--image" : "--data"))
    .replace(/\bdataset\.(\w+)/g, (_, name: string) => flagOf(name));
