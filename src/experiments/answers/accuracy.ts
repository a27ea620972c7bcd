/** The accuracy and the bytes of some variants, and how each differs from the first one. */
import type { Run } from "../../runs/run.js";
import { Summarizer, type Summary } from "../../runs/summary.js";
import type { Answer, Evidence, ResultTable, VariantRuns } from "../answer.js";
import { accuracyBand, band, convRatio, epochRatios, stepMs } from "../courses.js";
import type { Figure } from "../figure.js";
import { bytes, count, percent, points, spreadPercent, times } from "../formats.js";
import { type BySeed, type Difference, deviation, difference, mean } from "../statistics.js";

export function summaryOf({ records }: Run): Summary {
  const summarizer = new Summarizer();
  for (const record of records) summarizer.add(record);
  return summarizer.summary;
}

export interface Measured {
  label: string;
  seeds: number;
  accuracies: BySeed;
  summaries: Summary[];
  /** Mean over the seeds of the ratio of the whole run; null where nothing is packed. */
  ratio: number | null;
  /** The lowest of all epochs of all seeds. */
  lowestRatio: number | null;
  savedPeakBytes: number;
  devicePeakBytes: number;
  /** The most bytes that waited outside the device; 0 where nothing was moved out. */
  hostPeakBytes: number;
  residentPeakBytes: number;
  /** The mean over the seeds of a step's time. */
  stepMs: number;
  difference: Difference | null;
}

/** The figures of each variant that has runs. The first variant has no difference. */
export function measuredOf(variants: readonly VariantRuns[]): Measured[] {
  const all: Measured[] = [];
  for (const { label, runs } of variants) {
    if (runs.size === 0) continue;
    const summaries = new Map([...runs].map(([seed, run]) => [seed, summaryOf(run)]));
    const accuracies = new Map(
      [...summaries].flatMap(([seed, { testAccuracy }]) =>
        testAccuracy === null ? [] : [[seed, testAccuracy] as const],
      ),
    );
    const each = [...summaries.values()];
    const ratios = each.flatMap(({ convRatio }) => (convRatio === null ? [] : [convRatio]));
    const lowest = [...runs.values()]
      .flatMap(epochRatios)
      .reduce((least, { ratio }) => Math.min(least, ratio), Number.POSITIVE_INFINITY);
    const largest = (key: "savedPeakBytes" | "devicePeakBytes") =>
      each.reduce((most, summary) => Math.max(most, summary[key]), 0);
    // Where the first variant has no runs, the others have nothing to differ from.
    const first = all[0]?.label === variants[0]!.label ? all[0] : undefined;
    all.push({
      label,
      seeds: runs.size,
      accuracies,
      summaries: each,
      ratio: ratios.length > 0 ? mean(ratios) : null,
      lowestRatio: Number.isFinite(lowest) ? lowest : null,
      savedPeakBytes: largest("savedPeakBytes"),
      devicePeakBytes: largest("devicePeakBytes"),
      hostPeakBytes: each.reduce((most, { moved }) => Math.max(most, moved?.hostPeakBytes ?? 0), 0),
      residentPeakBytes: [...runs.values()].reduce(
        (most, { manifest }) => Math.max(most, manifest.residentPeakBytes),
        0,
      ),
      stepMs: mean([...runs.values()].map(stepMs)),
      difference: first && accuracies.size > 0 ? difference(first.accuracies, accuracies) : null,
    });
  }
  return all;
}

export function accuracyTable(measured: readonly Measured[]): ResultTable {
  return {
    title: "Accuracy and bytes; ± is the standard deviation over seeds",
    note: "The difference is that of common seeds. The ratio of a whole run is that of all its bytes, and the mean over the seeds stands here; the lowest epoch is that of any seed. Peaks are the largest of all seeds. The time of a step is made of the medians of steps that collect statistics and of others; runs of one command share the machine, so it compares no variants: the experiment overhead measures times.",
    head: [
      "",
      "seeds",
      "test accuracy",
      `− ${measured[0]?.label ?? "first"}, points`,
      "standard error",
      "conv-input ratio, whole run",
      "its lowest epoch",
      "saved, peak",
      "device, peak",
      "ms a step",
    ],
    rows: measured.map((each) => [
      each.label,
      String(each.seeds),
      each.accuracies.size === 0 ? "–" : accuracyText(each),
      each.difference ? points(each.difference.mean) : "–",
      each.difference?.error == null ? "–" : (100 * each.difference.error).toFixed(2),
      times(each.ratio),
      times(each.lowestRatio),
      bytes(each.savedPeakBytes),
      bytes(each.devicePeakBytes),
      each.stepMs.toFixed(1),
    ]),
  };
}

const accuracyText = ({ accuracies }: Measured): string => {
  const values = [...accuracies.values()];
  return spreadPercent(mean(values), deviation(values));
};

/** One sentence for each variant but the first. */
export function differenceWords(measured: readonly Measured[]): string[] {
  const [first] = measured;
  return measured.flatMap(({ label, difference: found, seeds }) => {
    if (!found || !first) return [];
    const { pairs, interval, error } = found;
    const over =
      pairs > 0 ? count(pairs, "common seed") : `${count(first.seeds, "seed")} and ${seeds} others`;
    const sentence = `The test accuracy of “${label}” differs from that of “${first.label}” by ${points(found.mean)} points over ${over}`;
    if (error === null || interval === null) {
      return [`${sentence}; one seed has no standard error, so this says little.`];
    }
    const verdict =
      interval[0] <= 0 && interval[1] >= 0
        ? "which includes 0: these seeds show no difference beyond chance"
        : "which does not include 0";
    return [
      `${sentence}, with a standard error of ${(100 * error).toFixed(2)}. Its 95 % interval by Student’s t goes from ${points(interval[0])} to ${points(interval[1])}, ${verdict}.`,
    ];
  });
}

/** One sentence on the ratios of each variant, beside that of the claim. */
export const ratioWords = (measured: readonly Measured[], claimed?: number): string[] =>
  measured.flatMap(({ label, ratio, lowestRatio }) =>
    ratio === null || lowestRatio === null
      ? []
      : [
          `The inputs of convolutions have ${ratio.toFixed(2)} times the bytes in float32 that “${label}” stores for them over the whole run, and ${lowestRatio.toFixed(2)} times in its lowest epoch.${claimWords(ratio, claimed)}`,
        ],
  );

/** How a ratio stands to that of the claim. */
export const claimWords = (ratio: number, claimed?: number): string =>
  claimed === undefined ? "" : ` The claim is ${claimed} times; this is ${percent(ratio / claimed)} of it.`;

export function courseFigures(variants: readonly VariantRuns[]): Figure[] {
  const some = variants.filter(({ runs }) => runs.size > 0);
  const bands = (of: (runs: readonly Run[]) => ReturnType<typeof band>) =>
    some
      .map(({ label, runs }) => ({ label, points: of([...runs.values()]) }))
      .filter(({ points }) => points.length > 0);
  const figures: Figure[] = [
    {
      kind: "bands",
      name: "accuracy",
      title: "Accuracy over steps",
      caption:
        "Share of the training batches that is classified correctly, means over up to 60 stretches of the run. A band is the mean over the seeds ± one standard deviation.",
      x: "step",
      y: "training accuracy",
      bands: bands((runs) => band(runs, (steps) => mean(steps.map(({ accuracy }) => accuracy)))),
    },
    {
      kind: "bands",
      name: "test-accuracy",
      title: "Test accuracy after each epoch",
      caption: "A band is the mean over the seeds ± one standard deviation.",
      x: "step",
      y: "test accuracy",
      bands: bands(accuracyBand),
    },
    {
      kind: "bands",
      name: "ratio",
      title: "Conv-input ratio over steps",
      caption:
        "Float32 bytes of the inputs of convolutions ÷ the bytes that are stored for them. A band is the mean over the seeds ± one standard deviation. Variants that pack nothing have none.",
      x: "step",
      y: "conv-input ratio",
      bands: bands((runs) => band(runs, convRatio)),
    },
  ];
  return figures.filter(
    (figure) => figure.kind !== "bands" || figure.bands.some(({ points }) => points.length > 1),
  );
}

/** Accuracy against bytes, where there are several variants to choose from. */
export function accuracyPareto(measured: readonly Measured[]): Figure[] {
  const known = measured.filter(({ accuracies }) => accuracies.size > 0);
  if (known.length < 3) return [];
  return [
    {
      kind: "pareto",
      name: "bytes-accuracy",
      title: "Bytes against accuracy",
      caption:
        "The peak of all saved tensors’ bytes in a step against the mean test accuracy over the seeds, with ± one standard deviation where there are several. Higher and further left is better.",
      x: "saved, peak, MiB",
      y: "test accuracy",
      logX: true,
      logY: false,
      points: known.map(({ label, savedPeakBytes, accuracies }) => {
        const values = [...accuracies.values()];
        const [y, half] = [mean(values), deviation(values) ?? 0];
        return {
          series: label,
          x: savedPeakBytes / 2 ** 20,
          y,
          low: y - half,
          high: y + half,
          label: percent(y),
        };
      }),
    },
  ];
}

export function accuracy({ variants }: Evidence): Answer {
  const measured = measuredOf(variants);
  return {
    tables: [accuracyTable(measured)],
    words: [...differenceWords(measured), ...ratioWords(measured)],
    figures: [...courseFigures(variants), ...accuracyPareto(measured)],
  };
}
