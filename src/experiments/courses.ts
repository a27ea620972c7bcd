/** The course of quantities over the steps of several runs: means and bands over the seeds. */
import type { Run } from "../runs/run.js";
import type { EpochRecord, StepRecord } from "../training/records.js";
import type { BandPoint } from "./figure.js";
import { deviation, mean, median } from "./statistics.js";

export const stepsOf = ({ records }: Run): StepRecord[] =>
  records.filter((record): record is StepRecord => record.kind === "step");

export const epochsOf = ({ records }: Run): EpochRecord[] =>
  records.filter((record): record is EpochRecord => record.kind === "epoch");

/** The steps whose times tell something: neither the first, in which code is compiled, nor audited ones, if there are others. */
function timedSteps(run: Run): StepRecord[] {
  const all = stepsOf(run);
  const undisturbed = all.slice(1).filter(({ audited }) => !audited);
  return undisturbed.length > 0 ? undisturbed : all;
}

/** The median times of steps that collect statistics and of others, and the number of the former; null if there are none. */
export function collecting(run: Run): { steps: number; collectingMs: number; otherMs: number } | null {
  const collects = new Set(run.records.flatMap((each) => (each.kind === "sites" ? [each.step] : [])));
  const timed = timedSteps(run);
  const times = (kind: boolean) =>
    timed.filter(({ step }) => collects.has(step) === kind).map(({ ms }) => ms);
  const [yes, no] = [times(true), times(false)];
  if (yes.length === 0 || no.length === 0) return null;
  return { steps: collects.size, collectingMs: median(yes), otherMs: median(no) };
}

/**
 * The time of a step in milliseconds: the medians of steps that collect and of others, by their numbers. A machine that was
 * suspended, or busy with something else in less than half of the steps of each kind, changes neither.
 */
export function stepMs(run: Run): number {
  const found = collecting(run);
  if (!found) return median(timedSteps(run).map(({ ms }) => ms));
  const { steps, collectingMs, otherMs } = found;
  return otherMs + (steps * (collectingMs - otherMs)) / stepsOf(run).length;
}

/** The conv-input ratio of some steps together; null where nothing was packed. */
export function convRatio(steps: readonly StepRecord[]): number | null {
  const sum = (key: "convRawBytes" | "convPackedBytes") =>
    steps.reduce((total, step) => total + step[key], 0);
  const packed = sum("convPackedBytes");
  return packed > 0 && packed !== sum("convRawBytes") ? sum("convRawBytes") / packed : null;
}

/** The conv-input ratio of each epoch. */
export function epochRatios(run: Run): { epoch: number; ratio: number }[] {
  const steps = stepsOf(run);
  const epochs = [...new Set(steps.map(({ epoch }) => epoch))];
  return epochs.flatMap((epoch) => {
    const ratio = convRatio(steps.filter((step) => step.epoch === epoch));
    return ratio === null ? [] : [{ epoch, ratio }];
  });
}

const most = 60;

/** Means of a quantity over up to 60 stretches of equal length, with the spread over runs: mean ± standard deviation. */
export function band(runs: readonly Run[], of: (steps: readonly StepRecord[]) => number | null): BandPoint[] {
  const courses = runs.map(stepsOf);
  const length = courses.reduce((least, { length }) => Math.min(least, length), Number.POSITIVE_INFINITY);
  if (!Number.isFinite(length) || length === 0) return [];
  const stretch = Math.ceil(length / most);
  const points: BandPoint[] = [];
  for (let from = 0; from < length; from += stretch) {
    const values = courses.flatMap((steps) => {
      const value = of(steps.slice(from, from + stretch));
      return value === null ? [] : [value];
    });
    if (values.length > 0) points.push(bandPoint(Math.min(from + stretch, length), values));
  }
  return points;
}

/** The test accuracy after each epoch that all runs have, at the number of steps done. */
export function accuracyBand(runs: readonly Run[]): BandPoint[] {
  const perEpoch = (run: Run) =>
    epochsOf(run).map(({ epoch, testAccuracy }) => ({
      step: stepsOf(run).filter((record) => record.epoch <= epoch).length,
      testAccuracy,
    }));
  const courses = runs.map(perEpoch);
  const length = courses.reduce((least, course) => Math.min(least, course.length), Number.POSITIVE_INFINITY);
  if (!Number.isFinite(length)) return [];
  return Array.from({ length }, (_, i) =>
    bandPoint(
      courses[0]![i]!.step,
      courses.map((course) => course[i]!.testAccuracy),
    ),
  );
}

function bandPoint(x: number, values: readonly number[]): BandPoint {
  const [middle, half] = [mean(values), deviation(values) ?? 0];
  return { x, mean: middle, low: middle - half, high: middle + half };
}
