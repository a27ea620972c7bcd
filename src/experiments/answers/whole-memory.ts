/** The whole memory of a step by category, and not the inputs of convolutions alone. */
import type { MemoryRecord } from "../../training/records.js";
import type { Answer, Evidence, VariantRuns } from "../answer.js";
import { stepsOf } from "../courses.js";
import type { Figure } from "../figure.js";
import { bytes, digits } from "../formats.js";
import { accuracyTable, claimWords, measuredOf } from "./accuracy.js";

/** The live bytes by category at the moment of the largest sum in all recorded steps. */
export function peakOf({ runs }: VariantRuns): Record<string, number> | null {
  let best: Record<string, number> | null = null;
  let most = -1;
  for (const run of runs.values()) {
    const audited = new Set(stepsOf(run).flatMap(({ step, audited }) => (audited ? [step] : [])));
    const recorded = run.records.filter((record): record is MemoryRecord => record.kind === "memory");
    // An audit decodes everything, so the steps with one say nothing.
    for (const { timeline } of recorded.filter(({ step }) => !audited.has(step))) {
      for (const live of timeline) {
        const total = Object.values(live).reduce((sum, n) => sum + n, 0);
        if (total > most) [best, most] = [{ ...live }, total];
      }
    }
  }
  return best;
}

export function wholeMemory({ experiment, variants }: Evidence): Answer {
  const measured = measuredOf(variants);
  const peaks = variants.flatMap((variant) => {
    const peak = peakOf(variant);
    return peak ? [{ label: variant.label, peak }] : [];
  });
  const answer: Answer = { tables: [], words: [], figures: [] };
  if (peaks.length > 0) {
    const categories = Object.keys(peaks[0]!.peak);
    answer.tables.push({
      title: "The device’s bytes at the moment of the step’s peak, by category",
      head: ["", ...categories, "all"],
      rows: peaks.map(({ label, peak }) => [
        label,
        ...categories.map((category) => bytes(peak[category] ?? 0)),
        bytes(Object.values(peak).reduce((sum, n) => sum + n, 0)),
      ]),
    });
    answer.figures.push(stackOf(peaks));
  }
  const [first, ...others] = measured;
  if (first) {
    answer.tables.push({
      title: "Peaks of a step over the whole run",
      head: [
        "",
        "saved",
        `${first.label} ÷ this`,
        "device",
        `${first.label} ÷ this`,
        "outside the device",
        "process, resident (OS)",
      ],
      note: "The process holds Node and the data set as well. What was moved out of the device is in the last two columns.",
      rows: measured.map(({ label, savedPeakBytes, devicePeakBytes, hostPeakBytes, residentPeakBytes }) => [
        label,
        bytes(savedPeakBytes),
        savedPeakBytes > 0 ? `${digits(first.savedPeakBytes / savedPeakBytes)}x` : "–",
        bytes(devicePeakBytes),
        `${digits(first.devicePeakBytes / devicePeakBytes)}x`,
        hostPeakBytes > 0 ? bytes(hostPeakBytes) : "–",
        bytes(residentPeakBytes),
      ]),
    });
    for (const { label, savedPeakBytes, devicePeakBytes, hostPeakBytes } of others) {
      const moved =
        hostPeakBytes > 0
          ? ` Up to ${bytes(hostPeakBytes)} of “${label}” lie outside the device besides.`
          : "";
      answer.words.push(
        `“${first.label}” saves ${digits(first.savedPeakBytes / savedPeakBytes)} times the bytes of “${label}” for the backward pass; its device’s peak, with weights, gradients and workspaces, is ${digits(first.devicePeakBytes / devicePeakBytes)} times that of “${label}”.${claimWords(first.devicePeakBytes / devicePeakBytes, experiment.claim.ratio)}${moved}`,
      );
    }
  }
  if (measured.length > 0) answer.tables.push(accuracyTable(measured));
  return answer;
}

const stackOf = (peaks: readonly { label: string; peak: Record<string, number> }[]): Figure => ({
  kind: "stack",
  name: "memory",
  title: "The device’s memory at its peak",
  caption:
    "Live bytes by category at the moment of the largest sum in the recorded steps. What is saved is what a store keeps for the backward pass.",
  bars: peaks.flatMap(({ label, peak }) =>
    Object.entries(peak).map(([category, bytes]) => ({ label, category, bytes })),
  ),
});
