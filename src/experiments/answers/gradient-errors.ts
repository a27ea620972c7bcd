/**
 * Are the gradients' errors normal, with the σ that is predicted, along a training? And which constant a would the paper's
 * form σ = a·L̄·√(N·R)·eb have needed, layer by layer, where it has 0.32 (as recalled)?
 */
import { isPredicted, type PredictedRow } from "../../stores/probe.js";
import type { ProbeRecord } from "../../training/records.js";
import type { Answer, Evidence, VariantRuns } from "../answer.js";
import type { BandFigure, BandPoint, Figure } from "../figure.js";
import { count, digits, percent } from "../formats.js";
import { mean, median, normality } from "../statistics.js";
import { accuracyTable, measuredOf } from "./accuracy.js";

/** The paper's fitted constant, as recalled. */
const recalledConstant = 0.32;

/** What all probed steps of a variant say of one layer. */
interface LayerErrors {
  parameter: string;
  /** Root mean squares over the probed steps. */
  predicted: number;
  measured: number;
  standardized: number[];
  steps: number;
}

const probesOf = ({ runs }: VariantRuns): ProbeRecord[] =>
  [...runs.values()].flatMap(({ records }) =>
    records.filter((record): record is ProbeRecord => record.kind === "probe"),
  );

export function layerErrors(probes: readonly ProbeRecord[]): LayerErrors[] {
  const layers = new Map<string, PredictedRow[]>();
  for (const { rows } of probes) {
    for (const row of rows.filter(isPredicted)) {
      // Without an error there is nothing to compare.
      if (row.measured > 0) layers.set(row.parameter, [...(layers.get(row.parameter) ?? []), row]);
    }
  }
  const rms = (rows: readonly PredictedRow[], key: "predicted" | "measured") =>
    Math.sqrt(rows.reduce((sum, row) => sum + row[key] ** 2, 0) / rows.length);
  return [...layers].map(([parameter, rows]) => ({
    parameter,
    predicted: rms(rows, "predicted"),
    measured: rms(rows, "measured"),
    standardized: rows.flatMap(({ standardized }) => standardized),
    steps: rows.length,
  }));
}

/** Kolmogorov's distance of a sample of a normal distribution is seldom above 1.63/√n. */
const oneInAHundred = 1.63;

export function gradientErrors({ variants }: Evidence): Answer {
  const answer: Answer = { tables: [], words: [], figures: [] };
  const courses: BandFigure["bands"] = [];
  const normal: BandFigure["bands"] = [];
  for (const variant of variants) {
    const { label } = variant;
    const probes = probesOf(variant);
    const layers = layerErrors(probes);
    if (layers.length === 0) continue;
    const paper = [...variant.runs.values()].every(({ manifest }) => manifest.settings.policy === "paper");
    const rows = layers.map((layer) => ({ ...layer, ...normality(layer.standardized) }));
    answer.tables.push({
      title: `${label}: errors of the weights’ gradients, all probed steps together`,
      head: [
        "weight",
        "predicted ÷ measured σ",
        ...(paper ? ["a that would have been right"] : []),
        "errors",
        "mean",
        "standard deviation",
        "excess kurtosis",
        "Kolmogorov’s distance",
        "× √n",
      ],
      rows: rows.map((row) => [
        row.parameter,
        (row.predicted / row.measured).toFixed(3),
        ...(paper ? [((recalledConstant * row.measured) / row.predicted).toFixed(3)] : []),
        String(row.values),
        row.mean.toFixed(3),
        row.deviation.toFixed(3),
        row.excessKurtosis.toFixed(2),
        row.distance.toFixed(4),
        row.scaled.toFixed(2),
      ]),
    });
    const ratios = rows.map(({ predicted, measured }) => predicted / measured).sort((a, b) => a - b);
    const [least, most] = [ratios[0]!, ratios.at(-1)!];
    const steps = new Set(probes.map(({ step }) => step)).size;
    answer.words.push(
      `${label}: over ${count(steps, "probed step")}, predicted ÷ measured σ lies between ${digits(least)} and ${digits(most)} in ${count(rows.length, "weight")}.`,
      normalWords(label, rows),
    );
    if (paper) {
      const constants = ratios.map((ratio) => recalledConstant / ratio);
      answer.words.push(
        `With the form and the constant 0.32 that are recalled of the paper, a right prediction would have needed constants from ${digits(constants.at(-1)!)} to ${digits(constants[0]!)}: the best single one would be off by ${percent(Math.sqrt(constants[0]! / constants.at(-1)!) - 1)} in some layer.`,
      );
    }
    answer.figures = [...answer.figures, ...figuresOf(variant, probes, layers)];
    courses.push({ label, points: courseOf(probes) });
    normal.push({ label, points: normalCourse(probes) });
  }
  if (courses.some(({ points }) => points.length > 1)) {
    answer.figures.unshift({
      kind: "bands",
      name: "normality",
      title: "Kolmogorov’s distance from the normal distribution along the training, × √n",
      caption: `The errors of each weight at one probed step, divided by their predicted σ. The line is the mean over all weights, the band goes from the least to the largest. Independent normal errors exceed ${oneInAHundred} in one of a hundred cases.`,
      x: "step",
      y: "distance × √n",
      bands: normal,
    });
    answer.figures.unshift({
      kind: "bands",
      name: "prediction",
      title: "Predicted ÷ measured σ along the training",
      caption:
        "The line is the mean over all weights at a probed step, the band goes from the least to the largest.",
      x: "step",
      y: "predicted ÷ measured σ",
      bands: courses,
    });
  }
  if (answer.tables.length === 0) answer.words.push("No run of this experiment has probed its gradients.");
  return { ...answer, tables: [...answer.tables, accuracyTable(measuredOf(variants))] };
}

/** Predicted ÷ measured σ at each probed step: mean, least and largest of all weights of all seeds. */
export const courseOf = (probes: readonly ProbeRecord[]): BandPoint[] =>
  alongSteps(probes, ({ predicted, measured }) => predicted / measured);

function alongSteps(probes: readonly ProbeRecord[], of: (row: PredictedRow) => number | null): BandPoint[] {
  const steps = [...new Set(probes.map(({ step }) => step))].sort((a, b) => a - b);
  return steps.flatMap((x) => {
    const values = probes
      .filter(({ step }) => step === x)
      .flatMap(({ rows }) => rows.filter(isPredicted))
      .filter(({ measured }) => measured > 0)
      .flatMap((row) => of(row) ?? []);
    if (values.length === 0) return [];
    const low = values.reduce((a, b) => Math.min(a, b));
    const high = values.reduce((a, b) => Math.max(a, b));
    return [{ x, mean: mean(values), low, high }];
  });
}

/** √n times Kolmogorov’s distance at each probed step: mean, least and largest of all weights of all seeds. */
export function normalCourse(probes: readonly ProbeRecord[]): BandPoint[] {
  return alongSteps(probes, ({ standardized }) =>
    standardized.length > 0 ? normality(standardized).scaled : null,
  );
}

function normalWords(
  label: string,
  rows: readonly { scaled: number; deviation: number; distance: number }[],
): string {
  const normal = rows.filter(({ scaled }) => scaled <= oneInAHundred).length;
  const furthest = rows.reduce((most, { distance }) => Math.max(most, distance), 0);
  return (
    `${label}: divided by the σ of the closed form, the errors of ${normal} of ${count(rows.length, "weight")} cannot be told from a standard normal distribution ` +
    `(Kolmogorov’s test at 1 %, which takes errors as independent; those of one layer share the directions of δ, so it refuses more often than it should). The largest distance is ${furthest.toFixed(4)}.`
  );
}

const slug = (label: string): string =>
  label
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-|-$/g, "");

function figuresOf(
  { label }: VariantRuns,
  probes: readonly ProbeRecord[],
  layers: readonly LayerErrors[],
): Figure[] {
  const dots = layers.flatMap(({ parameter, predicted, measured }) => [
    { layer: parameter, series: "predicted σ", value: predicted },
    { layer: parameter, series: "measured σ", value: measured },
  ]);
  const bounds = new Map<string, number[]>();
  for (const row of probes.flatMap(({ rows }) => rows.filter(isPredicted))) {
    bounds.set(row.parameter, [...(bounds.get(row.parameter) ?? []), row.bound]);
  }
  const middles = [...bounds].map(([layer, values]) => ({
    layer,
    series: "bound",
    value: median(values),
  }));
  return [
    {
      kind: "layers",
      name: `sigma-${slug(label)}`,
      title: `${label}: predicted and measured σ of each layer`,
      caption:
        "Standard deviation of the error of each weight’s gradient, root mean square over the probed steps.",
      x: "σ of the gradient’s error",
      dots,
    },
    {
      kind: "layers",
      name: `bound-${slug(label)}`,
      title: `${label}: the bound of each layer`,
      caption:
        "The bound on every value’s error in the tensor that the layer saves: the median over the probed steps.",
      x: "bound",
      dots: middles,
    },
  ];
}
