/** What `comet compare` found of several stores on one network and one state of training: plain data. */
import type { Complaint } from "../error.js";
import type { LayerError } from "../stores/gradient-error.js";

/** The value of a store's knob: see `Knob` in stores/kind.ts. */
export interface KnobValue {
  setting: string;
  value: unknown;
}

/** What is drawn of a store at one position of its knob. */
export interface CurvePoint {
  /** Null for a store without a knob. */
  knob: KnobValue | null;
  /** The peak of the saved tensors' bytes, divided by the images of the batch. */
  savedBytes: number;
  /** The total relative gradient noise: see `totalNoise` in stores/gradient-error.ts. */
  noise: number;
}

/** What was measured of a store at one position of its knob. */
export interface Found extends CurvePoint {
  /** Inputs of convolutions: float32 bytes ÷ stored bytes; null where no bytes are stored for them. */
  convRatio: number | null;
  devicePeakBytes: number;
  /** The time of packing, unpacking and recomputing as a share of the time of the steps. */
  storeShare: number;
  layers: LayerError[];
  /** The largest |x − x̂| ÷ bound of all tensors under a bound, and how many these were; null without such tensors. */
  worstErrorRatio: number | null;
  auditedFrames: number;
  /** The largest |x − x̂| of tensors that come back without a promised bound; null without such tensors. */
  largestError: number | null;
}

export interface StoreComparison extends Found {
  /** As it was asked for, for example `recompute`, or `NAME:setting=value`. */
  store: string;
  /** How close its knob came to the target, and why no closer; empty if nothing was tuned. */
  note: string;
  /** Why the target was not reached: the figures are those of the knob's limit. Null if it was, or if there is none. */
  unreached: Complaint | null;
  /** All positions of the knob that were measured, in the order of their bytes. */
  curve: CurvePoint[];
  /** A whole run for each seed, without those that failed, which `note` tells. */
  accuracies: Training[];
}

/** What a whole training run came to. */
export interface Training {
  seed: number;
  /** On the test images. */
  accuracy: number;
  /** The mean loss of the first and of the last tenth of its steps. */
  losses: { start: number; end: number };
}

/** A store that could not be measured. */
export interface FailedStore {
  store: string;
  reason: string;
}

/** What all stores have in common after tuning; `nothing`: they were not tuned. */
export const equals = ["nothing", "noise", "bytes", "accuracy"] as const;
export type Equal = (typeof equals)[number];

export interface Comparison {
  model: string;
  dataset: string;
  height: number;
  width: number;
  batch: number;
  /** Where the weights come from, in words: `after 100 plain steps`. */
  state: string;
  /** The number of batches whose gradients were compared with exact ones. */
  batches: number;
  equal: Equal;
  /** Of the total relative noise, the bytes an image, or the test accuracy; null if nothing was tuned. */
  target: number | null;
  stores: StoreComparison[];
  failed: FailedStore[];
}

/** Mean and standard deviation (n − 1) of the accuracies; null without runs. `spread` is null for one run. */
export function accuracyOf({
  accuracies,
}: {
  readonly accuracies: readonly Pick<Training, "accuracy">[];
}): { mean: number; spread: number | null } | null {
  const n = accuracies.length;
  if (n === 0) return null;
  const mean = accuracies.reduce((sum, { accuracy }) => sum + accuracy, 0) / n;
  const squares = accuracies.reduce((sum, { accuracy }) => sum + (accuracy - mean) ** 2, 0);
  return { mean, spread: n > 1 ? Math.sqrt(squares / (n - 1)) : null };
}
