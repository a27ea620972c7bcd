/** A run in a few figures, from its records. */
import { isPredicted } from "../stores/probe.js";
import type {
  AuditRecord,
  ProbeRecord,
  StepRecord,
  TrainRecord,
  TransferRecord,
} from "../training/records.js";

export interface SigmaRow {
  parameter: string;
  /** The root mean squares over all probed steps. */
  predicted: number;
  measured: number;
  /** The least and the largest predicted ÷ measured of a single probed step. */
  least: number;
  most: number;
}

/** What a run moved out of the device and back. */
export interface Moved {
  /** The mean of the steps. */
  sentBytes: number;
  /** The most bytes that waited outside the device at a time. */
  hostPeakBytes: number;
  /** The modelled time for which the device waited for its link, and that of the steps with it, in all steps. */
  stallSeconds: number;
  modelledSeconds: number;
}

export interface Summary {
  steps: number;
  finalLoss: number | null;
  /** The mean loss of the first and of the last tenth of the steps; null without steps. */
  losses: { start: number; end: number } | null;
  testAccuracy: number | null;
  /** The most bytes that a step saved for its backward pass, and had on the device at all. Audited steps are left out. */
  savedPeakBytes: number;
  devicePeakBytes: number;
  /** The bytes that packing saved in the step of the device's peak: those of the values less those of the packed forms. */
  packingSavedBytes: number;
  /** For inputs of convolutions over the whole run: float32 bytes ÷ packed bytes; null for a run that packed none. */
  convRatio: number | null;
  /**
   * The seconds in steps, without loading of data, evaluation and probes. An audited step counts as the mean of the others,
   * since its own time includes the audit.
   */
  stepSeconds: number;
  /**
   * Of the steps whose noise was planned: how many had more than the policy `law` would make, and the largest noise of a
   * step ÷ what the law would make of it; null for a run that plans none.
   */
  loosened: { steps: number; noiseRatio: number } | null;
  /** Over all audited frames; null if there were none. */
  worstErrorRatio: number | null;
  auditedFrames: number;
  /** The largest |x − x̂| of audited tensors without a promised bound; null where there was none. */
  largestError: number | null;
  sigma: SigmaRow[];
  /** Null for a run that moved nothing. */
  moved: Moved | null;
}

/** Adds up records, in the order of events. */
export class Summarizer {
  readonly #steps: StepRecord[] = [];
  readonly #transfers: TransferRecord[] = [];
  readonly #squares = new Map<string, SigmaRow & { count: number }>();
  #accuracy: number | null = null;
  #worst: number | null = null;
  #frames = 0;
  #largest: number | null = null;

  add(record: TrainRecord): void {
    if (record.kind === "step") this.#steps.push(record);
    else if (record.kind === "epoch") this.#accuracy = record.testAccuracy;
    else if (record.kind === "probe") this.#addProbe(record);
    else if (record.kind === "audit") this.#addAudit(record);
    else if (record.kind === "transfers") this.#transfers.push(record);
  }

  #addAudit({ frames, worst, unbounded = 0, largest = 0 }: AuditRecord): void {
    if (frames > 0) this.#worst = Math.max(this.#worst ?? 0, worst);
    if (unbounded > 0) this.#largest = Math.max(this.#largest ?? 0, largest);
    this.#frames += frames;
  }

  #addProbe({ rows }: ProbeRecord): void {
    for (const { parameter, predicted, measured } of rows.filter(isPredicted)) {
      const squares = this.#squares.get(parameter) ?? {
        parameter,
        predicted: 0,
        measured: 0,
        least: Number.POSITIVE_INFINITY,
        most: 0,
        count: 0,
      };
      squares.least = Math.min(squares.least, predicted / measured);
      squares.most = Math.max(squares.most, predicted / measured);
      squares.predicted += predicted ** 2;
      squares.measured += measured ** 2;
      squares.count++;
      this.#squares.set(parameter, squares);
    }
  }

  get summary(): Summary {
    const steps = this.#steps;
    const undisturbed = steps.filter(({ audited }) => !audited);
    const sum = (key: "ms" | "convRawBytes" | "convPackedBytes", over = steps) =>
      over.reduce((total, record) => total + record[key], 0);
    const most = (key: "savedPeakBytes" | "devicePeakBytes") =>
      undisturbed.reduce((largest, record) => Math.max(largest, record[key]), 0);
    const packed = sum("convPackedBytes");
    const peak = undisturbed.find(({ devicePeakBytes }) => devicePeakBytes === most("devicePeakBytes"));
    return {
      steps: steps.length,
      finalLoss: steps.at(-1)?.loss ?? null,
      losses: lossesOf(steps),
      testAccuracy: this.#accuracy,
      savedPeakBytes: most("savedPeakBytes"),
      devicePeakBytes: most("devicePeakBytes"),
      packingSavedBytes: peak ? peak.rawBytes - peak.packedBytes : 0,
      convRatio: packed > 0 && packed !== sum("convRawBytes") ? sum("convRawBytes") / packed : null,
      stepSeconds: (sum("ms", undisturbed) / 1000) * (steps.length / Math.max(undisturbed.length, 1)),
      loosened: loosenedOf(steps),
      worstErrorRatio: this.#worst,
      auditedFrames: this.#frames,
      largestError: this.#largest,
      sigma: [...this.#squares.values()].map(({ count, ...row }) => ({
        ...row,
        predicted: Math.sqrt(row.predicted / count),
        measured: Math.sqrt(row.measured / count),
      })),
      moved: movedBy(this.#transfers),
    };
  }
}

function movedBy(transfers: readonly TransferRecord[]): Moved | null {
  if (transfers.length === 0) return null;
  const sum = (key: "sentBytes" | "stallMs" | "modelledMs") =>
    transfers.reduce((total, record) => total + record[key], 0);
  return {
    sentBytes: sum("sentBytes") / transfers.length,
    hostPeakBytes: transfers.reduce((most, { hostPeakBytes }) => Math.max(most, hostPeakBytes), 0),
    stallSeconds: sum("stallMs") / 1000,
    modelledSeconds: sum("modelledMs") / 1000,
  };
}

function lossesOf(steps: readonly StepRecord[]): Summary["losses"] {
  if (steps.length === 0) return null;
  const tenth = Math.ceil(steps.length / 10);
  const mean = (some: readonly StepRecord[]) => some.reduce((sum, { loss }) => sum + loss, 0) / tenth;
  return { start: mean(steps.slice(0, tenth)), end: mean(steps.slice(-tenth)) };
}

/** Noise that is this part above the law's is the law's, but for rounding. */
const hardlyMore = 1.001;

function loosenedOf(steps: readonly StepRecord[]): Summary["loosened"] {
  const ratios = steps.flatMap(({ noise, lawNoise }) =>
    noise !== undefined && lawNoise !== undefined && lawNoise > 0 ? [noise / lawNoise] : [],
  );
  if (ratios.length === 0) return null;
  return {
    steps: ratios.filter((ratio) => ratio > hardlyMore).length,
    noiseRatio: ratios.reduce((most, ratio) => Math.max(most, ratio), 0),
  };
}
