/** What the training bench and the worker behind each of its stores tell each other. */
import type { Settings, TrainRecord } from "../../../src/browser.js";
import type { PackRecord } from "../../../src/stores/pack-record.js";
import type { RunFiles } from "./exported.js";

/** The IDX files of images that a visitor has dropped, by their names in the folder of a data set. */
export type OwnFiles = ReadonlyMap<string, Uint8Array<ArrayBuffer>>;

export interface Start {
  kind: "start";
  settings: Partial<Settings>;
  /** The address of the site's folder. */
  base: string;
  /** The version of comet-ts, for the manifest. */
  version: string;
  /** Null: the embedded images. */
  own: OwnFiles | null;
  /** The number of steps after which the run pauses. */
  steps: number;
}

export type Order =
  | Start
  /** Goes on for so many steps; 0 pauses after the step under way. */
  | { kind: "go"; steps: number }
  | { kind: "tensor"; site: string }
  | { kind: "export" };

/** The bytes on the device after a tensor was packed. */
export interface Level {
  saved: number;
  total: number;
}

export interface KeptTensor {
  site: string;
  shape: readonly number[];
  data: Float32Array;
  bound: number | null;
}

export type News =
  | { kind: "ready"; stores: { name: string; help: string }[]; cores: number }
  /** A record of the run; that of a step comes with what the step saved, and how the device filled meanwhile. */
  | { kind: "record"; record: TrainRecord; packs: PackRecord[]; levels: Level[] }
  | { kind: "paused"; weights: string }
  | { kind: "end"; weights: string; testAccuracy: number; threads: number }
  | { kind: "failure"; message: string; outOfMemory: boolean; levels: Level[] }
  | { kind: "tensor"; tensor: KeptTensor | null }
  | ({ kind: "exported" } & RunFiles);
