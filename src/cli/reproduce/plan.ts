/** From experiments to what must be computed: planned runs and measurements, each data set opened once. */
import { createHash } from "node:crypto";
import { openDataset } from "../../data/open.js";
import { mostPixels } from "../../data/picture.js";
import { DataError, UsageError } from "../../error.js";
import type { Experiment, Measurement, Scale, ScaleOf, Variant } from "../../experiments/experiment.js";
import { type PlannedRun, planRun } from "../../experiments/planned-run.js";

/** What is known of a data set before a run. */
interface Known {
  source: string;
  name: string;
  hash: string;
  classes: readonly string[];
  train: number;
}

export interface PlannedMeasurement extends Measurement {
  /** With the data in its place. */
  command: string[];
  key: string;
}

export interface PlannedExperiment {
  experiment: Experiment;
  scale: Scale;
  data: { source: string; name: string; hash: string };
  runs: PlannedRun[];
  measurements: PlannedMeasurement[];
}

export interface Asked {
  scale: Scale;
  /** What `--data` names; null if it was not given. */
  data: string | null;
  /** Whether `data` serves all experiments, and not those alone that leave it open. */
  every: boolean;
  /** Where commands write runs of their own. */
  runs: string;
}

/** Throws a UsageError for data that is not named, and a DataError for data with other classes. */
export async function planExperiments(
  experiments: readonly Experiment[],
  asked: Asked,
): Promise<PlannedExperiment[]> {
  const known = new Map<string, Promise<Known>>();
  const look = (source: string, image: number) => {
    const key = `${source} ${image}`;
    const before = known.get(key) ?? opened(source, image);
    known.set(key, before);
    return before;
  };
  const planned: PlannedExperiment[] = [];
  for (const experiment of experiments) planned.push(await planOne(experiment, asked, look));
  return planned;
}

async function opened(source: string, image: number): Promise<Known> {
  if (source === "random") return { source, name: source, hash: "", classes: [], train: 0 };
  const dataset = await openDataset(source, { size: image, skipBad: false, maxPixels: mostPixels });
  try {
    const { name, hash, classes, train } = dataset;
    return { source, name, hash, classes, train: train.length };
  } finally {
    await dataset.close();
  }
}

const usualImage = 224;

async function planOne(
  experiment: Experiment,
  asked: Asked,
  look: (source: string, image: number) => Promise<Known>,
): Promise<PlannedExperiment> {
  const { name, variants } = experiment;
  const scale = experiment.scales[asked.scale];
  const { image = usualImage } = scale;
  const source = sourceOf(name, scale, asked);
  const found = await look(source, image);
  const wrong = (expected: string, got: string) =>
    new DataError({
      where: `--data ${source}`,
      expected: `${expected}, which experiment ${name} needs at scale ${asked.scale}`,
      got,
      remedy: "name other data, or another scale",
    });
  if (scale.classes > 0 && found.classes.length !== scale.classes) {
    throw wrong(`${scale.classes} classes`, String(found.classes.length));
  }
  const foreign = found.classes.find((each) => !(scale.classNames ?? [each]).includes(each));
  if (foreign !== undefined) throw wrong(`the classes ${scale.classNames!.join(", ")}`, foreign);
  const data = { source, image, skipBad: false, maxPixels: mostPixels };
  const chosen = variants.filter(({ label }) => scale.only?.includes(label) ?? true);
  const runs = scale.seeds.flatMap((seed) =>
    chosen.map((variant) => planVariant(experiment, scale, variant, seed, { data, found })),
  );
  const measurements = (scale.measurements ?? []).map(({ label, command }) => {
    // Neither the place of the data nor that of the results is in the key.
    const key = createHash("sha256")
      .update(JSON.stringify([command, found.hash]))
      .digest("hex");
    const words = command.map((word) => word.replaceAll("{data}", source).replaceAll("{out}", asked.runs));
    return { label, command: words, key: key.slice(0, 16) };
  });
  return {
    experiment,
    scale: asked.scale,
    data: { source, name: found.name, hash: found.hash },
    runs,
    measurements,
  };
}

function planVariant(
  { name, settings }: Experiment,
  scale: ScaleOf,
  variant: Variant,
  seed: number,
  { data, found }: { data: PlannedRun["data"]; found: Known },
): PlannedRun {
  try {
    return planRun({
      label: variant.label,
      seed,
      settings: { ...settings, ...scale.settings, ...variant.settings },
      data,
      dataset: { hash: found.hash, train: { length: found.train, batch() {} } },
      probeEvery: scale.probeEvery,
      auditEvery: scale.auditEvery,
      checkpointEvery: scale.checkpointEvery,
    });
  } catch (cause) {
    if (cause instanceof Error) cause.message = `experiment ${name}, ${variant.label}: ${cause.message}`;
    throw cause;
  }
}

function sourceOf(name: string, scale: ScaleOf, { scale: size, data, every }: Asked): string {
  const source = data !== null && (every || scale.data === null) ? data : scale.data;
  if (source !== null) return source;
  throw new UsageError({
    where: `experiment ${name}, scale ${size}`,
    expected: `--data, a folder of images with ${scale.classes} classes`,
    got: "none",
    remedy: `give for example --data imagefolder:DIR, or name other experiments`,
  });
}
