/**
 * What adapts a store to the training. The training loop calls it, in each step, in the order in which the members
 * stand here. Every member is optional: a controller implements what its method needs.
 */

import type { BackwardObserver } from "./application.js";
import type { ErrorDraw } from "./noise.js";
import type { Need } from "./packed.js";
import type { Parameter, Site } from "./parameter.js";

/** Passes on a part of the first batch, before the first step. They leave the network as it was. */
export interface Trial {
  /** The number of images in the batch. */
  readonly images: number;
  /** Runs forward and backward on the first `count` images and returns the mean |gradient| of each parameter. */
  backPropagate(count: number): ReadonlyMap<Parameter, number>;
  /** Runs forward on the first `count` images and returns the most bytes that were saved at a time. */
  forward(count: number): number;
  /** The bytes of the device that a step on the whole batch leaves for saved tensors, after `backPropagate(count)`. */
  leftForSaved(count: number): number;
  readonly memory: TrialMemory;
}

/** What a trial tells of the memory of a step. */
export interface TrialMemory {
  /** The bytes of the device, and those that a step may hold by the profiles: less, since other things come to them. */
  readonly budget: number;
  readonly limit: number;
  /** The most images on which `backPropagate` has room. */
  fitting(): number;
  /** What the ops of a step on the first `count` images hold. No gradient is kept. */
  profile(count: number): MemoryProfile;
}

/**
 * Two moments of each op of a step, in order: when it holds most bytes, and when it holds most beside saved tensors. The
 * bytes that are saved then, and the others, without workspaces, whose bytes depend on the number of threads.
 */
export type MemoryProfile = readonly { readonly saved: number; readonly other: number }[];

/** What a controller expects of the training before its first step. */
export interface Expectation {
  /** The bytes of all saved tensors together. */
  savedBytes: number;
  /** The same with every tensor at the loosest bound that is of use. */
  leastBytes: number;
  /** The most bytes that may be saved; 0 where there is no such limit. */
  budgetBytes: number;
  /** The total relative gradient noise ρ, and that of the policy `law`. */
  noise: number;
  lawNoise: number;
}

/** What a controller knows of one site, for records and reports. */
export interface SiteReport {
  name: string;
  /** Null where the tensor is exact. */
  bound: number | null;
  acceptedSigma: number;
  /** The share of the saved values that are not zero. */
  nonZero: number;
}

/** What a controller predicts of the error of a parameter's gradient in the step that was measured. */
export interface Prediction {
  readonly parameter: Parameter;
  readonly bound: number;
  /** The standard deviation of the error, root mean square over the parameter's values, and the site's own part of it. */
  readonly sigma: number;
  readonly own: number;
  /** The standard deviation for each output channel. */
  readonly channels: readonly number[];
}

/** Follows the errors of one step through several draws, to predict what a probe measures. */
export interface Predictor {
  /** Closes a draw: one backward pass through the store. */
  drawn(): void;
  /** Ends the measuring; the controller is again as it was before. */
  close(): void;
  predictions(): Prediction[];
}

/** Follows errors down the tape, beside the gradients: see noise/pass.ts. */
export interface Tracer {
  /** The error of what a site saved; null if that is exact. `origin`: the one kept tensor behind it, if there is one. */
  draw(site: Site, origin: object | null): ErrorDraw | null;
  /** What has arrived at a parameter's gradient. */
  receive(parameter: Parameter, error: Float32Array): void;
  /** What the site itself adds to that, where both come from the same draw. */
  add(parameter: Parameter, error: Float32Array): void;
}

export interface StoreController {
  /** Sees the backward passes of training. */
  readonly observer?: BackwardObserver;
  /** Runs passes on a part of the batch if it knows nothing yet. Returns what it expects, if it expects anything. */
  prepare?(trial: Trial): Expectation | null;
  /** A step begins, numbered from 0. */
  begin?(step: number): void;
  /** The step's own forward pass begins. Probes, if there are any, came before. */
  open?(): void;
  /** An op requests a tensor, before it is packed. */
  requested?(site: Site, need: Need): void;
  /** The forward and the backward pass are over. */
  end?(step: { savedPeakBytes: number; images: number }): void;
  /** The optimiser has updated the weights. `meanMomentum` gives the mean |momentum| of a parameter. */
  assess?(meanMomentum: (parameter: Parameter) => number): void;
  /** The noise that it expects of the step, if it plans one. */
  expected?(): { noise: number; lawNoise: number } | null;
  /** What it knows of the sites, if it learned something in this step; else null. */
  report?(): SiteReport[] | null;
  /** Begins to predict the gradient errors of the passes that follow. */
  predict?(seed: number): Predictor;
  /** All that a checkpoint needs: plain data, numbers and Float32Arrays. */
  state?(): unknown;
  /** Continues from the state of another controller of the same model. */
  restore?(state: unknown, parameters: Iterable<Parameter>): void;
}
