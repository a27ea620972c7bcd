/** What an experiment found: tables, figures, and in words how the measurement differs from the claim. */
import type { Run } from "../runs/run.js";
import type { Experiment, Measurement } from "./experiment.js";
import type { Figure } from "./figure.js";

export interface ResultTable {
  title: string;
  head: string[];
  rows: string[][];
  /** What a reader of the table must know. */
  note?: string;
}

export interface Answer {
  tables: ResultTable[];
  /** Sentences. */
  words: string[];
  figures: Figure[];
}

/** The runs of one variant that have ended, by seed. */
export interface VariantRuns {
  label: string;
  seeds: number[];
  runs: ReadonlyMap<number, Run>;
}

/** All that an answer is made from. */
export interface Evidence {
  experiment: Experiment;
  variants: VariantRuns[];
  /** What the commands printed, in the order of the file. */
  measurements: (Measurement & { found: unknown })[];
}

export type Answering = (evidence: Evidence) => Answer;
