/** The summary table: figures of each run, compared with those of the plain run. */
import { formatBytes } from "../device/ledger.js";
import type { Run } from "../runs/run.js";
import { Summarizer, type Summary } from "../runs/summary.js";
import { greatestOf, leastOf } from "./client/extremes.js";
import type { LayerProbe, RunData } from "./series.js";

export interface SummaryRow {
  title: string;
  /** A short explanation of the number. */
  note: string;
  /** One cell per run; null if the run has no such figure. */
  cells: (string | null)[];
}

interface Figure {
  title: string;
  note: string;
  value(run: Run, summary: Summary): number | null;
  format(value: number): string;
  /** Formats how a value compares with the baseline's. */
  compare?(value: number, baseline: number): string;
  /** True if the comparison is meaningful only between runs with equally many steps. */
  grows?: boolean;
}

const percent = (value: number) => `${(100 * value).toFixed(2)} %`;
const times = (value: number, baseline: number) => `${(value / baseline).toFixed(2)}\u00a0×\u00a0plain`;
const seconds = (value: number) => `${value.toFixed(value < 100 ? 1 : 0)} s`;
const unlessZero = (value: number) => (value > 0 ? value : null);

const figures: Figure[] = [
  {
    title: "Test accuracy",
    note: "after the last whole epoch, or where the run was stopped as requested",
    value: (_, { testAccuracy }) => testAccuracy,
    format: percent,
    compare: (value, baseline) => {
      const points = 100 * (value - baseline);
      return `${points < 0 ? "−" : "+"}${Math.abs(points).toFixed(2)}\u00a0points`;
    },
    grows: true,
  },
  {
    title: "Saved-for-backward peak",
    note: "the largest number of bytes of saved tensors at any moment of any step",
    value: (_, { savedPeakBytes }) => unlessZero(savedPeakBytes),
    format: formatBytes,
    compare: times,
  },
  {
    title: "Conv-input ratio",
    note: "inputs of convolutions: bytes as float32 ÷ stored bytes, summed over all steps",
    value: (_, { convRatio }) => convRatio,
    format: (value) => `${value.toFixed(2)} : 1`,
  },
  {
    title: "Device peak",
    note: "the largest number of bytes of all categories together on the device",
    value: (_, { devicePeakBytes }) => unlessZero(devicePeakBytes),
    format: formatBytes,
    compare: times,
  },
  {
    title: "Largest noise ÷ the law’s",
    note: "the expected gradient noise of a step ÷ what policy law would make of it; above 1 where bounds are looser, to fit the memory or a budget",
    value: (_, { loosened }) => loosened?.noiseRatio ?? null,
    format: (value) => value.toFixed(2),
  },
  {
    title: "Moved out of the device",
    note: "saved bytes that leave the device and come back, the mean of the steps",
    value: (_, { moved }) => moved?.sentBytes ?? null,
    format: formatBytes,
  },
  {
    title: "Waiting outside",
    note: "the most bytes outside the device at a time",
    value: (_, { moved }) => moved?.hostPeakBytes ?? null,
    format: formatBytes,
  },
  {
    title: "Resident memory",
    note: "the operating system’s peak for the whole process, including the data set and JavaScript",
    value: ({ manifest }) => unlessZero(manifest.residentPeakBytes),
    format: formatBytes,
    compare: times,
  },
  {
    title: "Seconds in steps",
    note: "the sum of forward, backward and update; includes audits, but not probes, test passes or loading",
    value: (_, { steps, stepSeconds }) => (steps > 0 ? stepSeconds : null),
    format: seconds,
    compare: times,
    grows: true,
  },
  {
    title: "Seconds by the link’s model",
    note: "the steps without the copies, and the time for which the device would wait for its link",
    value: (_, { moved }) => moved?.modelledSeconds ?? null,
    format: seconds,
    compare: times,
    grows: true,
  },
  {
    title: "Seconds in all",
    note: "from start to end of the run",
    value: ({ manifest: { started, ended } }) =>
      ended ? (Date.parse(ended) - Date.parse(started)) / 1000 : null,
    format: seconds,
  },
];

/** The rows of the summary table. The first plain run is the baseline of the others. */
export function summaryRows(runs: readonly Run[], data: readonly RunData[]): SummaryRow[] {
  const plain = runs.findIndex(({ manifest }) => manifest.settings.store === "plain");
  const summaries = runs.map(({ records }) => {
    const summarizer = new Summarizer();
    for (const record of records) summarizer.add(record);
    return summarizer.summary;
  });
  const rows = figures.map(({ title, note, value, format, compare, grows }): SummaryRow => {
    const values = runs.map((run, i) => value(run, summaries[i]!));
    const baseline = plain < 0 ? null : values[plain]!;
    const cells = values.map((v, i) => {
      if (v === null || !Number.isFinite(v)) return null;
      if (!compare || baseline === null || baseline === 0 || i === plain) return format(v);
      const comparable = !grows || summaries[i]!.steps === summaries[plain]!.steps;
      return comparable ? `${format(v).replaceAll(" ", "\u00a0")} (${compare(v, baseline)})` : format(v);
    });
    return { title, note, cells };
  });
  rows.push(
    {
      title: "Worst error ÷ bound",
      note: "over the frames that audits compared with their originals; below 1 if the bound held",
      cells: summaries.map(({ worstErrorRatio, auditedFrames }) =>
        worstErrorRatio === null
          ? null
          : `${worstErrorRatio.toFixed(6)} (${auditedFrames.toLocaleString("en")} frames)`,
      ),
    },
    {
      title: "Predicted ÷ measured σ",
      note: "of the weight gradient’s error: the smallest and the largest value of any layer; all layers are shown below",
      cells: data.map(({ probes }) => {
        const ratios = measurable(probes).map(({ ratio }) => ratio);
        if (ratios.length === 0) return null;
        return `${leastOf(ratios).toFixed(3)} … ${greatestOf(ratios).toFixed(3)} (${ratios.length} layers)`;
      }),
    },
    {
      title: "Weights",
      note: "the first characters of the SHA-256 of all final weights; the same settings give the same hash",
      cells: runs.map(({ manifest }) => manifest.weights?.slice(0, 12) ?? null),
    },
  );
  return rows.filter(({ cells }) => cells.some((cell) => cell !== null));
}

/** The layers whose error was above zero in some probe. */
export const measurable = (probes: readonly LayerProbe[]): LayerProbe[] =>
  probes.filter(({ ratio }) => Number.isFinite(ratio));
