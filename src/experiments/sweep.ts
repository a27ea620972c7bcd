/**
 * A sweep as a file: settings that all runs share, and those in which they differ, as a grid, as a list, or as both. Every
 * combination is one run.
 */
import { readFileSync } from "node:fs";
import { DataError } from "../error.js";
import * as is from "../files/shape.js";
import { type GivenSettings, givenSettings } from "./experiment.js";

export interface Sweep {
  name: string;
  data: string;
  image?: number;
  settings: GivenSettings;
  /** Each combination of one value of each setting. `seed` is one of them. */
  grid?: Record<string, (string | number | boolean)[]>;
  /** With each of these settings. */
  runs?: GivenSettings[];
  probeEvery?: number;
  auditEvery?: number;
  checkpointEvery?: number;
}

export interface SweepRun {
  /** What distinguishes it: `share=0.01 seed=2`. */
  label: string;
  seed: number;
  settings: GivenSettings;
}

/** A name that may be a folder's and a job's. */
const plainName = is.one<string>(
  "a name of letters, digits, - and _",
  (value) => typeof value === "string" && /^[\w-]+$/.test(value),
);

const seedShape = is.one<number>("a whole number of 32 bits", (value) => value === ((value as number) | 0));

/** Settings of a run, of which one may be its seed. */
const withSeed: is.Shape<GivenSettings> = {
  find(value) {
    if (!is.isRecord(value)) return givenSettings.find(value);
    const { seed, ...others } = value;
    const fault = seed === undefined ? null : seedShape.find(seed);
    return fault ? { ...fault, place: `.seed${fault.place}` } : givenSettings.find(others);
  },
};

const gridShape: is.Shape<NonNullable<Sweep["grid"]>> = {
  find(value) {
    if (!is.isRecord(value)) return { place: "", expected: "an object", got: value };
    for (const [name, values] of Object.entries(value)) {
      if (!Array.isArray(values) || values.length === 0) {
        return { place: `.${name}`, expected: "a list of values", got: values };
      }
      for (const [i, own] of values.entries()) {
        const fault = withSeed.find({ [name]: own });
        if (fault) return { ...fault, place: `${fault.place}[${i}]` };
      }
    }
    return null;
  },
};

const sweepShape = is.exact<Sweep>(
  {
    name: plainName,
    data: is.text,
    image: is.count,
    settings: givenSettings,
    grid: gridShape,
    runs: is.list(withSeed),
    probeEvery: is.count,
    auditEvery: is.count,
    checkpointEvery: is.count,
  },
  ["image", "grid", "runs", "probeEvery", "auditEvery", "checkpointEvery"],
);

const remedy = "mend the file; docs/sweeps.md describes its form";

/** `where` names the file in errors. Throws a DataError that names the first place that is wrong. */
export function parseSweep(text: string, where: string): Sweep {
  const value = is.parseJson(text, where, remedy);
  const sweep = is.check(value, sweepShape, where, remedy);
  if (combinations(sweep).length > 0) return sweep;
  throw new DataError({ where: `${where}: runs`, expected: "at least one run", got: "none", remedy });
}

export function readSweep(path: string): Sweep {
  try {
    return parseSweep(readFileSync(path, "utf8"), path);
  } catch (cause) {
    if (cause instanceof DataError) throw cause;
    const { code } = cause as NodeJS.ErrnoException;
    const got = code === "ENOENT" ? "nothing there" : String(code);
    throw new DataError({ where: path, expected: "a sweep’s file", got, remedy: "name a .json file" });
  }
}

type Own = Record<string, string | number | boolean>;

function combinations({ grid = {}, runs = [{}] }: Sweep): Own[] {
  return Object.entries(grid).reduce<Own[]>(
    (all, [name, values]) => all.flatMap((own) => values.map((value) => ({ ...own, [name]: value }))),
    runs.map((own) => ({ ...own })),
  );
}

/** The runs of a sweep in order: the last setting of the grid changes fastest. */
export function runsOf(sweep: Sweep): SweepRun[] {
  return combinations(sweep).map((own) => {
    const { seed = 1, ...others } = own;
    const label = Object.entries(own)
      .map(([name, value]) => `${name}=${value}`)
      .join(" ");
    return { label: label || sweep.name, seed: seed as number, settings: { ...sweep.settings, ...others } };
  });
}
