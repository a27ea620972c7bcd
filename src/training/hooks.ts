/** What a caller of `train` is told, and what it asks to be measured. */
import type { PackEvent } from "../engine/store.js";
import type { Module } from "../nn/index.js";
import type { GradientErrors } from "../stores/gradient-error.js";
import type { Position } from "./position.js";
import type { EpochRecord, StepRecord, TrainRecord } from "./records.js";

export interface TrainHooks {
  /** Called with every record, in the order of events. */
  onRecord?(record: TrainRecord): void;
  /** Called after each step. */
  onStep?(record: StepRecord): void;
  /** Called for each tensor that a step saves, once it is packed. The tensor is lent for the call. */
  onPack?(event: PackEvent): void;
  /**
   * Called after the evaluation of each epoch. Training waits for a promise, and ends if the answer is false: early
   * stopping.
   */
  onEpoch?(record: EpochRecord, model: Module): unknown;
  /** Selects the steps whose gradients are compared with the exact ones, and with what the store predicts, if it does. */
  probeAt?(step: number): boolean;
  /** How often a probe compresses its step; default: see `probe`. */
  readonly draws?: number;
  /** Is given the errors of all probed gradients. */
  readonly gradientErrors?: GradientErrors;
  /** Selects the steps in which every packed tensor with a bound is compared with its original. */
  auditAt?(step: number): boolean;
  /** The number of channels of each tensor that an audited step keeps as samples. */
  samplesAt?(step: number): number;
  /** Ends the run after the current step. */
  signal?: AbortSignal;
  /** The number of steps from one checkpoint to the next; 0, the default: one after each epoch. */
  checkpointEvery?: number;
  /** The session and the records so far are those of `position`. Training waits for the promise. */
  onCheckpoint?(position: Position): Promise<void>;
}
