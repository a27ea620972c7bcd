/** Stores at equal gradient noise and at equal bytes, from what `comet compare --json` printed; and their accuracies. */
import type { Comparison } from "../../runs/comparison.js";
import type { Answer, Evidence, ResultTable } from "../answer.js";
import type { Figure } from "../figure.js";
import { bytes, digits, percent, times } from "../formats.js";
import { accuracyPareto, accuracyTable, courseFigures, differenceWords, measuredOf } from "./accuracy.js";

const noiseText = (noise: number): string => (noise === 0 ? "exact" : noise.toExponential(2));

function knobText(knob: Comparison["stores"][number]["knob"]): string {
  if (!knob) return "–";
  const { setting, value } = knob;
  if (setting === "actnnBits" && value === 0) return "actnnBits 0, which stands for the level’s own";
  return `${setting} ${typeof value === "number" ? digits(value) : value}`;
}

function comparisonTable(label: string, { stores }: Comparison): ResultTable {
  return {
    title: label,
    head: [
      "store",
      "knob",
      "saved an image",
      "device, peak",
      "conv inputs",
      "gradient noise",
      "share of time",
    ],
    rows: stores.map((store) => [
      store.store,
      knobText(store.knob),
      bytes(store.savedBytes),
      bytes(store.devicePeakBytes),
      times(store.convRatio),
      noiseText(store.noise),
      percent(store.storeShare),
    ]),
  };
}

function wordsOf(label: string, { equal, stores }: Comparison): string[] {
  const [first, ...others] = stores.filter(({ noise }) => noise > 0);
  if (!first) return [];
  return others.map((store) => {
    const [bytesRatio, noiseRatio] = [store.savedBytes / first.savedBytes, store.noise / first.noise];
    return equal === "bytes"
      ? `${label}: ${store.store} has ${digits(noiseRatio)} times the gradient noise of ${first.store}, in ${digits(bytesRatio)} times its bytes.`
      : `${label}: ${store.store} takes ${digits(bytesRatio)} times the bytes of ${first.store}, at ${digits(noiseRatio)} times its gradient noise.`;
  });
}

/** One figure of all comparisons: a store that takes part in several of them has one curve. */
function pareto(comparisons: readonly Comparison[]): Figure[] {
  const points = comparisons
    .flatMap(({ stores }) => stores)
    .flatMap(({ store, curve }) =>
      curve.map(({ savedBytes, noise, knob }) => ({
        series: store,
        x: savedBytes / 2 ** 20,
        y: noise,
        label: knob ? `${knob.setting} ${knob.value}` : "",
      })),
    )
    .filter(({ y }) => y > 0)
    .sort((a, b) => a.x - b.x);
  if (points.length === 0) return [];
  return [
    {
      kind: "pareto",
      name: "bytes-noise",
      title: "Bytes against gradient noise",
      caption:
        "Gradient noise is ‖error of the gradient‖ ÷ ‖exact gradient‖ over all weights together. Each position of a store’s knob that was measured. Lower and further left is better. Exact stores have no place on a logarithmic axis.",
      x: "saved an image, MiB",
      y: "gradient noise",
      logX: true,
      logY: true,
      points,
    },
  ];
}

export function rivals({ variants, measurements }: Evidence): Answer {
  const measured = measuredOf(variants);
  const comparisons = measurements.map(({ label, found }) => ({ label, found: found as Comparison }));
  return {
    tables: [
      ...comparisons.map(({ label, found }) => comparisonTable(label, found)),
      ...(measured.length > 0 ? [accuracyTable(measured)] : []),
    ],
    words: [
      ...comparisons.flatMap(({ label, found }) => wordsOf(label, found)),
      ...differenceWords(measured),
    ],
    figures: [
      ...pareto(comparisons.map(({ found }) => found)),
      ...accuracyPareto(measured),
      ...courseFigures(variants),
    ],
  };
}
