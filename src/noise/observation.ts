/** What the noise laws need to know of a backward pass, and who is told. */
import type { Site } from "../engine/op.js";

/** What the noise law of an op needs to know of one backward pass (all sums over the whole batch). */
export interface Observation {
  /** Var(∇w_k) ÷ Var(error), for each output channel k. Of a convolution: E_k = Σδ² over the non-zero inputs. */
  energy: Float32Array;
  /** Mean square of that gradient. */
  signal: number;
  /** Mean |δ| over all output elements: the paper's L̄. */
  meanLoss: number;
  /** Share of the saved values that are not zero: the paper's R. */
  nonZero: number;
  /** Batch size N. */
  batch: number;
  /** Var(that gradient) ÷ variance of an error in δ itself, if it is alike and uncorrelated everywhere. */
  received: number;
  /** Variance of the error that δ arrived with, the mean over its elements: what sites above have sent. */
  arrived: number;
  /** Of an op whose error also reaches the gradient that travels upstream; null where that is exact. */
  upstream: Upstream | null;
}

/** The input gradient of a site, the mean over its elements. */
export interface Upstream {
  /** Variance of its error ÷ variance of the saved values' error. */
  noise: number;
  /** The part of that which is due to errors where δ = 0. */
  gated: number;
  /** Its mean square. */
  signal: number;
}

/** Who listens to backward passes; the controller does. */
export interface Observer {
  /** Whether this step is one that collects. */
  readonly collecting: boolean;
  /** `heard`: see Node. `observation.arrived` is the observer's to fill in: it knows the bounds. */
  record(site: Site, observation: Observation, heard: ReadonlyMap<string, number>): void;
}
