/**
 * Trials of one store on one state of training. The learning rate is 0, so that every store sees the same weights and the
 * same batches to the bit, while what adapts to the training (statistics, momentum) is collected as in training. After a
 * few such steps come the batches whose gradients are compared with exact ones and whose tensors are audited.
 */
import { modelNamed } from "../../models/models.js";
import type { CurvePoint, Equal, Found, StoreComparison } from "../../runs/comparison.js";
import { readManifest } from "../../runs/manifest.js";
import { checkData } from "../../runs/resume.js";
import { defaultsOf } from "../../setting.js";
import { GradientErrors, totalNoise } from "../../stores/gradient-error.js";
import type { Knob } from "../../stores/kind.js";
import { storeSettings } from "../../stores/registry.js";
import { defaults, type Settings } from "../../training/settings.js";
import { measure, type NetworkOptions, open } from "../measure.js";
import { behind, lastOf } from "../state.js";
import { naming, positionOf, type Specification, turnedTo } from "./specification.js";
import { measurable, tune } from "./tune.js";

export interface TrialOptions extends NetworkOptions {
  batch: number;
  /** A run whose last checkpoint is the state; empty: the network's first weights. */
  from: string;
  /** Steps before the batches that are probed. */
  steps: number;
  /** Batches that are probed. */
  batches: number;
  /** Positions of the knob on the store's curve. */
  points: number;
  equal: Equal;
  /** NaN: none. */
  target: number;
}

/** What a process for one store finds. */
export interface Tried extends Omit<StoreComparison, "store" | "accuracies"> {
  dataset: string;
  height: number;
  width: number;
}

/** The settings of all stores as they are by default, whatever the run of the state had. */
const untouched = defaultsOf(storeSettings);

/** Measures a store, with its knob where it stands or, if there is a target, tuned to that. */
export async function tried(specification: Specification, options: TrialOptions): Promise<Tried> {
  const { model, memory, threads, profile, batch, from, steps, batches, points, equal, target } = options;
  const all = steps + batches;
  const dataset = await open(options, batch * all);
  try {
    const checkpoint = from === "" ? null : await lastOf(from);
    if (checkpoint) checkData(readManifest(from), dataset);
    const course: Settings = checkpoint
      ? behind(checkpoint, all, dataset.train.length)
      : { ...defaults, model, batch, steps: all, epochs: all, schedule: "constant" };
    modelNamed(course.model);
    const known = new Map<unknown, Found>();
    const at = async (value: unknown): Promise<Found> => {
      const before = known.get(value);
      if (before) return before;
      const turned = turnedTo(specification, value);
      const errors = new GradientErrors();
      const settings = { ...course, ...untouched, ...turned.own, lr: 0, memory, threads, profile };
      const found = await measure(settings, dataset, {
        from: checkpoint,
        probeBehind: steps,
        // Each sample has a batch of its own, so that the samples are independent.
        draws: 1,
        gradientErrors: errors,
      });
      const { last, storeShare } = found;
      const { worstErrorRatio, auditedFrames, largestError } = found.errors;
      const layers = errors.rows();
      const { knob } = specification;
      const result: Found = {
        knob: knob && { setting: knob.setting, value },
        convRatio: last.convPackedBytes > 0 ? last.convRawBytes / last.convPackedBytes : null,
        savedBytes: last.savedPeakBytes / batch,
        devicePeakBytes: last.devicePeakBytes,
        storeShare,
        noise: totalNoise(layers),
        layers,
        worstErrorRatio,
        auditedFrames,
        largestError,
      };
      process.stderr.write(
        `${turned.text}: gradient noise ${result.noise.toExponential(2)}, ${Math.round(result.savedBytes)} bytes an image\n`,
      );
      known.set(value, result);
      return result;
    };
    const start = positionOf(specification);
    const goal = (equal === "noise" || equal === "bytes") && !Number.isNaN(target) ? { equal, target } : null;
    const { trial, note, unreached } = goal
      ? await tune(specification.text, specification.knob, start, goal, at)
      : { trial: await at(start), note: "", unreached: null };
    for (const value of curveValues(specification.knob, trial.knob?.value, points))
      await measurable(at(value));
    const curve: CurvePoint[] = [...known.values()]
      .map(({ knob, savedBytes, noise }) => ({ knob, savedBytes, noise }))
      .sort((a, b) => a.savedBytes - b.savedBytes);
    const { name, height, width } = dataset;
    return { ...trial, note, unreached, curve, dataset: name, height, width };
  } catch (error) {
    throw naming(specification.text, error);
  } finally {
    await dataset.close();
  }
}

/** Neighbouring points of a curve differ in their knob by this factor; by less where its range is narrow. */
const curveFactor = 4;

/**
 * `points` positions of a knob: around `value`, those that lie in its range; from end to end, if `value` is outside the
 * range, as a 0 is that stands for the default; or evenly chosen of the few values that there are.
 */
export function curveValues(knob: Knob | null, value: unknown, points: number): unknown[] {
  if (knob === null || points === 0) return [];
  if ("values" in knob) {
    const { values } = knob;
    if (points >= values.length) return [...values];
    return Array.from({ length: points }, (_, i) => values[Math.floor(((i + 0.5) * values.length) / points)]);
  }
  const { least, most } = knob;
  const within = (each: number) => each >= least && each <= most;
  const whole = (most / least) ** (1 / Math.max(1, points - 1));
  if (!within(value as number))
    return Array.from({ length: points }, (_, i) => least * whole ** i).filter(within);
  const [factor, before] = [Math.min(curveFactor, whole), Math.floor((points - 1) / 2)];
  return Array.from({ length: points }, (_, i) => (value as number) * factor ** (i - before)).filter(within);
}
