/**
 * An experiment as a file: a question of the paper, its claim, and the runs and measurements that answer the question. A
 * file is checked when it is read, down to the settings of each run.
 */
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { DataError, UsageError } from "../error.js";
import * as is from "../files/shape.js";
import { suggestion } from "../suggest.js";
import { settingsTable } from "../training/settings.js";
import { answerNames } from "./answer-names.js";

/** `smoke` ends in minutes on embedded data, `laptop` in hours on two cores; `paper` is ImageNet from a folder. */
export const scales = ["smoke", "laptop", "paper"] as const;
export type Scale = (typeof scales)[number];

/** Where a claim is from: read in an abstract or in source code, or only remembered. */
export const sources = ["abstract", "code", "recalled", "none"] as const;

/** Settings of runs by name, as `comet train` has them. */
export type GivenSettings = Readonly<Record<string, string | number | boolean>>;

/** Runs of one store, one for each seed. */
export interface Variant {
  label: string;
  settings: GivenSettings;
}

/** A command that measures and prints JSON, for example `compare --stores plain,comet`. */
export interface Measurement {
  label: string;
  command: string[];
}

export interface ScaleOf {
  /** What `--data` takes; null if the user must name it. */
  data: string | null;
  /** The number of classes that the data must have, and, where other data has as many, their names. */
  classes: number;
  classNames?: string[];
  image?: number;
  settings: GivenSettings;
  seeds: number[];
  /** The labels of the variants that are run at this scale; all, if absent. */
  only?: string[];
  probeEvery?: number;
  auditEvery?: number;
  checkpointEvery?: number;
  measurements?: Measurement[];
}

export interface Experiment {
  /** As the file is called. */
  name: string;
  question: string;
  /** `ratio`: the number of times that the claim names, where it names one. */
  claim: { text: string; source: (typeof sources)[number]; ratio?: number };
  /** Why a measurement here may differ from the claim. */
  difference: string;
  /** How the question is answered: see answers/. */
  answer: (typeof answerNames)[number];
  settings: GivenSettings;
  /** The first one is what the others are compared with. */
  variants: Variant[];
  scales: Record<Scale, ScaleOf>;
}

/** Settings that a file may not hold: each run has a seed of its own, and ends where its steps or epochs end. */
const reserved: ReadonlySet<string> = new Set(["seed", "stopAfter"]);

export const givenSettings: is.Shape<GivenSettings> = {
  find(value) {
    if (!is.isRecord(value)) return { place: "", expected: "an object", got: value };
    for (const [name, own] of Object.entries(value)) {
      const place = `.${name}`;
      if (!Object.hasOwn(settingsTable, name) || reserved.has(name)) {
        const remedy = suggestion(name, Object.keys(settingsTable));
        return { place, expected: `the name of a setting (${remedy})`, got: name };
      }
      const { accepts, expected } = settingsTable[name as keyof typeof settingsTable];
      if (!accepts(own)) return { place, expected, got: own };
    }
    return null;
  },
};

const some = <T>(item: is.Shape<T>, what: string): is.Shape<T[]> => ({
  find(value) {
    if (Array.isArray(value) && value.length === 0) {
      return { place: "", expected: `at least one ${what}`, got: value };
    }
    return is.list(item).find(value);
  },
});

const seed = is.one<number>("a whole number of 32 bits", (value) => value === ((value as number) | 0));

const measurement = is.exact<Measurement>({ label: is.text, command: some(is.text, "word") });

const scaleShape = is.exact<ScaleOf>(
  {
    data: is.nullable(is.text),
    classes: is.count,
    classNames: is.list(is.text),
    image: is.count,
    settings: givenSettings,
    seeds: is.list(seed),
    only: is.list(is.text),
    probeEvery: is.count,
    auditEvery: is.count,
    checkpointEvery: is.count,
    measurements: is.list(measurement),
  },
  ["classNames", "image", "only", "probeEvery", "auditEvery", "checkpointEvery", "measurements"],
);

const experimentShape = is.exact<Experiment>({
  name: is.text,
  question: is.text,
  claim: is.exact<Experiment["claim"]>({ text: is.text, source: is.oneOf(...sources), ratio: is.number }, [
    "ratio",
  ]),
  difference: is.text,
  answer: is.oneOf(...answerNames) as is.Shape<Experiment["answer"]>,
  settings: givenSettings,
  variants: is.list(is.exact<Variant>({ label: is.text, settings: givenSettings })),
  scales: is.exact<Experiment["scales"]>({ smoke: scaleShape, laptop: scaleShape, paper: scaleShape }),
});

/** `where` names the file in errors. Throws a DataError that names the first place that is wrong. */
export function parseExperiment(text: string, where: string): Experiment {
  const remedy = "mend the file; docs/reproduce.md describes its form";
  const experiment = is.check(is.parseJson(text, where, remedy), experimentShape, where, remedy);
  const labels = experiment.variants.map(({ label }) => label);
  const wrong = (place: string, expected: string, got: string) =>
    new DataError({ where: `${where}: ${place}`, expected, got, remedy });
  if (experiment.name !== basename(where, ".json")) {
    throw wrong("name", `"${basename(where, ".json")}", as the file is called`, `"${experiment.name}"`);
  }
  const twice = labels.find((label, i) => labels.indexOf(label) !== i);
  if (twice !== undefined) throw wrong("variants", "labels that differ", `"${twice}" twice`);
  for (const scale of scales) {
    const { only = [], seeds, measurements = [] } = experiment.scales[scale];
    const unknown = only.find((label) => !labels.includes(label));
    if (unknown !== undefined) {
      throw wrong(`scales.${scale}.only`, `labels of variants: ${labels.join(", ")}`, `"${unknown}"`);
    }
    if (labels.length > 0 && seeds.length === 0) throw wrong(`scales.${scale}.seeds`, "a seed", "none");
    if (labels.length === 0 && measurements.length === 0) {
      throw wrong(`scales.${scale}`, "variants or measurements", "neither");
    }
  }
  return experiment;
}

/** All experiments of a folder, in the order of their files. */
export function readExperiments(folder: string): Experiment[] {
  let names: string[];
  try {
    names = readdirSync(folder)
      .filter((name) => name.endsWith(".json"))
      .sort();
  } catch (cause) {
    throw new UsageError({
      where: "--experiments",
      expected: "a folder of experiments",
      got: `${folder} (${(cause as NodeJS.ErrnoException).code})`,
      remedy: "name a folder of .json files",
    });
  }
  return names.map((name) => {
    const file = join(folder, name);
    return parseExperiment(readFileSync(file, "utf8"), file);
  });
}

/** The named experiments; all, if none is named. */
export function choose(experiments: readonly Experiment[], names: readonly string[]): Experiment[] {
  for (const name of names) {
    if (experiments.some((experiment) => experiment.name === name)) continue;
    throw new UsageError({
      where: `comet reproduce ${name}`,
      expected: "the name of an experiment",
      got: `"${name}"`,
      remedy: suggestion(
        name,
        experiments.map((experiment) => experiment.name),
      ),
    });
  }
  return experiments.filter(({ name }) => names.length === 0 || names.includes(name));
}
