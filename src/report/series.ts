/**
 * Computes the data of a page from a run's records: curves are smoothed and thinned, samples are selected,
 * and gradient errors are counted into histograms. A page of two runs stays near one megabyte, however long
 * the runs were.
 */
import type { Bytes } from "../device/ledger.js";
import type { OccupancyRecord } from "../device/occupancy.js";
import type { Comparison } from "../runs/comparison.js";
import type { Run } from "../runs/run.js";
import { isPredicted } from "../stores/probe.js";
import { storeNamed } from "../stores/registry.js";
import type { ProbeRecord, SampleRecord, SiteRecord, StepRecord, TrainRecord } from "../training/records.js";
import { greatestOf } from "./client/extremes.js";
import { type Histogram, histogram } from "./histogram.js";

/** Columns of equal length; null is a gap. */
export interface StepColumns {
  step: number[];
  loss: number[];
  smoothLoss: number[];
  smoothAccuracy: number[];
  /** Null in an audited step, because it also holds decoded copies. */
  savedPeakBytes: (number | null)[];
}

export interface EpochPoint {
  /** The last step of the epoch. */
  step: number;
  loss: number;
  accuracy: number;
}

/** One layer over time. */
export interface SiteSeries {
  name: string;
  step: number[];
  bound: (number | null)[];
  /** Share of values that are exactly zero. */
  zeros: (number | null)[];
  /** Raw ÷ packed bytes; null if the tensor is stored under another layer's name. */
  ratio: (number | null)[];
}

export interface SamplePlane {
  site: string;
  step: number;
  bound: number;
  height: number;
  width: number;
  original: number[];
  /** (decoded − original) ÷ bound. */
  error: number[];
}

export interface LayerProbe {
  parameter: string;
  weights: number;
  step: number[];
  predicted: number[];
  measured: number[];
  /** Root mean square of predicted ÷ root mean square of measured, over the probes. */
  ratio: number;
  histogram: Histogram;
}

export interface RunData {
  label: string;
  steps: StepColumns;
  epochs: EpochPoint[];
  /** The timeline of one step. An audited step also holds decoded copies. */
  memory: { step: number; audited: boolean; timeline: Record<keyof Bytes, number[]> } | null;
  /** The same step by site; null in older runs. */
  holders: OccupancyRecord | null;
  sites: SiteSeries[];
  samples: SamplePlane[];
  probes: LayerProbe[];
  pooled: Histogram | null;
}

export interface PageData {
  runs: RunData[];
  /** Every `stride`-th step is drawn; curves are smoothed over about `horizon` steps. */
  stride: number;
  horizon: number;
  /** On a page that compares stores; it has no runs. */
  comparison?: Comparison;
}

const most = { steps: 800, collections: 200, planes: 12 };

export function pageData(runs: readonly Run[]): PageData {
  const longest = greatestOf(
    runs.map((run) => of(run, "step").length),
    1,
  );
  const horizon = Math.max(1, Math.round(longest / 25));
  const stride = Math.ceil(longest / most.steps);
  const sampled = runs.filter((run) => of(run, "sample").length > 0).length;
  const planes = Math.max(3, Math.floor(most.planes / Math.max(1, sampled)));
  const names = labels(runs);
  return {
    runs: runs.map((run, i) => runData(run, names[i]!, { horizon, stride, planes })),
    stride,
    horizon,
  };
}

function runData(
  run: Run,
  label: string,
  { horizon, stride, planes }: { horizon: number; stride: number; planes: number },
): RunData {
  const steps = of(run, "step");
  const memory = of(run, "memory").at(-1);
  const probes = of(run, "probe").filter(({ rows }) => rows.some(isPredicted));
  return {
    label,
    steps: stepColumns(steps, horizon, stride),
    epochs: of(run, "epoch").map(({ epoch, testLoss, testAccuracy }) => ({
      step: steps.findLast((record) => record.epoch === epoch)?.step ?? 0,
      loss: testLoss,
      accuracy: testAccuracy,
    })),
    memory: memory
      ? {
          step: memory.step,
          audited: steps.some(({ step, audited }) => step === memory.step && audited),
          timeline: columns(memory.timeline),
        }
      : null,
    holders: memory?.occupancy ?? null,
    sites: siteSeries(of(run, "sites")),
    samples: chooseSamples(of(run, "sample"), planes),
    probes: layerProbes(probes),
    pooled:
      probes.length === 0
        ? null
        : histogram(probes.flatMap(({ rows }) => rows.flatMap(({ standardized }) => standardized))),
  };
}

/** The records of one kind, in order. */
export function of<K extends TrainRecord["kind"]>(
  { records }: Run,
  kind: K,
): Extract<TrainRecord, { kind: K }>[] {
  return records.filter((record): record is Extract<TrainRecord, { kind: K }> => record.kind === kind);
}

/**
 * A short, distinct name for each run. It consists of the store, the settings that differ, and whether the
 * run was measured against originals; if that is not enough, the run's id is added.
 */
export function labels(runs: readonly Run[]): string[] {
  const models = new Set(runs.map(({ manifest }) => manifest.settings.model)).size > 1;
  const names = runs.map(({ manifest: { settings } }) => {
    const store = storeNamed(settings.store)?.label(settings) ?? settings.store;
    return models ? `${settings.model}, ${store}` : store;
  });
  const namesakes = (all: readonly string[], i: number) => runs.filter((_, j) => all[j] === all[i]);
  const settled = names.map((name, i) => {
    const group = namesakes(names, i);
    const own = runs[i]!.manifest.settings;
    const differing = (Object.keys(own) as (keyof typeof own)[]).filter(
      (key) => key !== "stopAfter" && group.some(({ manifest }) => manifest.settings[key] !== own[key]),
    );
    const told = isMeasured(runs[i]!) && !group.every(isMeasured) ? ["measured"] : [];
    return [name, ...differing.map((key) => `${key} ${own[key]}`), ...told].join(", ");
  });
  const known = settled.map((name, i) =>
    namesakes(settled, i).length > 1 ? `${name} (${runs[i]!.manifest.id})` : name,
  );
  return known.map((name, i) => (known.indexOf(name) < i ? `${name} #${i + 1}` : name));
}

/** True if originals were kept beside the stored tensors, at least in some steps. */
export const isMeasured = ({ records }: Run): boolean =>
  records.some(({ kind }) => kind === "probe" || kind === "audit");

function stepColumns(records: readonly StepRecord[], horizon: number, stride: number): StepColumns {
  const smoothLoss = smooth(
    records.map(({ loss }) => loss),
    horizon,
  );
  const smoothAccuracy = smooth(
    records.map(({ accuracy }) => accuracy),
    horizon,
  );
  const kept = records.map((_, i) => i).filter((i) => i % stride === 0 || i === records.length - 1);
  return {
    step: kept.map((i) => records[i]!.step),
    loss: kept.map((i) => digits(records[i]!.loss)),
    smoothLoss: kept.map((i) => digits(smoothLoss[i]!)),
    smoothAccuracy: kept.map((i) => digits(smoothAccuracy[i]!)),
    savedPeakBytes: kept.map((i) => (records[i]!.audited ? null : records[i]!.savedPeakBytes)),
  };
}

/**
 * Exponential mean over about `horizon` values: s ← βs + (1−β)x with β = 1 − 1/horizon, divided by the total
 * weight 1 − βᵗ so that it does not start near 0.
 */
export function smooth(values: readonly number[], horizon: number): number[] {
  const beta = 1 - 1 / Math.max(1, horizon);
  let [mean, weight] = [0, 0];
  return values.map((value) => {
    mean = beta * mean + (1 - beta) * value;
    weight = beta * weight + (1 - beta);
    return mean / weight;
  });
}

function columns(timeline: readonly Bytes[]): Record<keyof Bytes, number[]> {
  const keys = Object.keys(timeline[0] ?? {}) as (keyof Bytes)[];
  const column = (key: keyof Bytes) => timeline.map((bytes) => bytes[key]);
  return Object.fromEntries(keys.map((key) => [key, column(key)])) as Record<keyof Bytes, number[]>;
}

/** The layers that had a bound at some time, in the order of the forward pass. */
function siteSeries(records: readonly SiteRecord[]): SiteSeries[] {
  const stride = Math.ceil(records.length / most.collections);
  const kept = records.filter((_, i) => i % stride === 0 || i === records.length - 1);
  const series = new Map<string, SiteSeries>();
  for (const { step, sites } of kept) {
    for (const { name, bound, nonZero, rawBytes, packedBytes } of sites) {
      let site = series.get(name);
      if (!site) {
        site = { name, step: [], bound: [], zeros: [], ratio: [] };
        series.set(name, site);
      }
      site.step.push(step);
      site.bound.push(bound === null ? null : digits(bound));
      site.zeros.push(Number.isFinite(nonZero) ? digits(1 - nonZero) : null);
      site.ratio.push(packedBytes > 0 ? digits(rawBytes / packedBytes) : null);
    }
  }
  return [...series.values()].filter(({ bound }) => bound.some((value) => value !== null));
}

/**
 * From the last sampled step: the channels with the most non-zero values, from layers spread over the depth.
 */
function chooseSamples(records: readonly SampleRecord[], planes: number): SamplePlane[] {
  const last = records.filter(({ step }) => step === records.at(-1)!.step);
  const bySite = groupBy(last, ({ site }) => site);
  const sites = [...bySite.keys()];
  const wanted = Math.min(sites.length, Math.ceil(planes / 3));
  const chosen = Array.from(
    { length: wanted },
    (_, i) => sites[wanted === 1 ? 0 : Math.round((i * (sites.length - 1)) / (wanted - 1))]!,
  );
  const busy = ({ original }: SampleRecord) => original.reduce((count, x) => count + (x === 0 ? 0 : 1), 0);
  return chosen.flatMap((site) =>
    bySite
      .get(site)!
      .toSorted((a, b) => busy(b) - busy(a))
      .slice(0, 3)
      .map(({ step, bound, height, width, original, decoded }) => ({
        site,
        step,
        bound,
        height,
        width,
        original: original.map(digits),
        error: original.map((x, i) => Number(((decoded[i]! - x) / bound).toFixed(3))),
      })),
  );
}

function layerProbes(records: readonly ProbeRecord[]): LayerProbe[] {
  const rows = records.flatMap((record) =>
    record.rows.filter(isPredicted).map((row) => ({ ...row, step: record.step })),
  );
  return [...groupBy(rows, ({ parameter }) => parameter)].map(([parameter, probes]) => {
    const energy = (key: "predicted" | "measured") => probes.reduce((sum, row) => sum + row[key] ** 2, 0);
    return {
      parameter,
      weights: probes[0]!.weights,
      step: probes.map(({ step }) => step),
      predicted: probes.map(({ predicted }) => digits(predicted)),
      measured: probes.map(({ measured }) => digits(measured)),
      ratio: Math.sqrt(energy("predicted") / energy("measured")),
      histogram: histogram(probes.flatMap(({ standardized }) => standardized)),
    };
  });
}

/** Five significant digits are more than a plot shows. NaN becomes null in JSON; this restores it. */
const digits = (value: number | null): number => (value === null ? Number.NaN : Number(value.toPrecision(5)));

function groupBy<T>(items: readonly T[], key: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(key(item));
    if (group) group.push(item);
    else groups.set(key(item), [item]);
  }
  return groups;
}
