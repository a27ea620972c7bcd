/** The course of quantities over the steps of several runs: means and bands over the seeds. */
import type { Run } from "../runs/run.js";
import type { EpochRecord, StepRecord } from "../training/records.js";
import type { BandPoint } from "./figure.js";
import { deviation, mean } from "./statistics.js";

export const stepsOf = ({ records }: Run): StepRecord[] =>
  records.filter((record): record is StepRecord => record.kind === "step");

export const epochsOf = ({ records }: Run): EpochRecord[] =>
  records.filter((record): record is EpochRecord => record.kind === "epoch");

/**
 * The mean time of a step in milliseconds, without audited steps, if there are others, and without the slowest hundredth, or
 * at least one: in those, code was compiled, or the machine was suspended or did something else.
 */
export function stepMs(run: Run): number {
  const all = stepsOf(run);
  const undisturbed = all.filter(({ audited }) => !audited);
  const times = (undisturbed.length > 0 ? undisturbed : all).map(({ ms }) => ms).sort((a, b) => a - b);
  return mean(times.slice(0, Math.max(1, times.length - Math.ceil(times.length / 100))));
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
