/** What a run records while it trains: one record for each event, and one line of metrics.jsonl for each record. */

import type { Bytes } from "../device/ledger.js";
import type { OccupancyRecord } from "../device/occupancy.js";
import type { Expectation, SiteReport } from "../engine/controller.js";
import type { Transfers } from "../engine/store.js";
import type { ProbeRow } from "../stores/probe.js";

export interface StepRecord {
  kind: "step";
  step: number;
  epoch: number;
  /** Mean cross entropy of the batch, and share of it classified rightly. */
  loss: number;
  accuracy: number;
  lr: number;
  ms: number;
  /** The step's peaks, in bytes of the device. */
  savedPeakBytes: number;
  devicePeakBytes: number;
  /** Inputs of convolutions: as float32, and as stored. */
  convRawBytes: number;
  convPackedBytes: number;
  /** Whether the step was audited: then its time and peaks hold the audit's decoding as well. */
  audited: boolean;
  /** All tensors that were packed, masks included. */
  rawBytes: number;
  packedBytes: number;
  /** The total relative gradient noise ρ that a controller with a plan expects, and that of policy `law`. */
  noise?: number;
  lawNoise?: number;
}

export interface SiteRecord {
  kind: "sites";
  step: number;
  sites: (SiteReport & { rawBytes: number; packedBytes: number })[];
}

/** Before the first step: what a controller that plans expects of it. `budgetBytes` is 0 for policy `spread`. */
export interface PlanRecord extends Expectation {
  kind: "plan";
}

export interface EpochRecord {
  kind: "epoch";
  epoch: number;
  testLoss: number;
  testAccuracy: number;
  seconds: number;
  /** SHA-256 of all weights and running statistics. */
  weights: string;
}

/** The device's live bytes after each allocation of one step. */
export interface MemoryRecord {
  kind: "memory";
  step: number;
  timeline: Bytes[];
  /** The same by site, at fewer moments. Older records have none. */
  occupancy?: OccupancyRecord;
}

export interface ProbeRecord {
  kind: "probe";
  step: number;
  rows: ProbeRow[];
}

/** A channel of a saved tensor before and after, at most 64 × 64 of it. */
export interface SampleRecord {
  kind: "sample";
  step: number;
  site: string;
  bound: number;
  height: number;
  width: number;
  original: number[];
  decoded: number[];
}

/** What an audited step saw: every frame against its original. */
export interface AuditRecord {
  kind: "audit";
  step: number;
  frames: number;
  values: number;
  /** The largest |x − x̂| ÷ bound. */
  worst: number;
  /** Values that became zero, or zeros that became something. */
  moved: number;
  /** Tensors that came back without a promised bound, and the largest |x − x̂| of these. Older records have neither. */
  unbounded?: number;
  largest?: number;
}

/** What a step moved out of the device and back. */
export interface TransferRecord extends Transfers {
  kind: "transfers";
  step: number;
  /** The step's measured time without the copies, and this with the modelled stalls of the link. */
  computeMs: number;
  modelledMs: number;
}

export type TrainRecord =
  | StepRecord
  | SiteRecord
  | PlanRecord
  | EpochRecord
  | MemoryRecord
  | ProbeRecord
  | SampleRecord
  | AuditRecord
  | TransferRecord;
