/**
 * What a policy is: the rule by which bounds follow from what is known of the sites. A policy sees all sites at once, so it
 * may also divide a budget among them. The folder policies/ has one file for each.
 */
import type { Observation } from "../engine/noise.js";
import type { Site } from "../engine/parameter.js";
import type { SettingsOf, SettingsTable } from "../setting.js";

/** What a policy gives a site. */
export interface Bounds {
  bound: number;
  /** The bound for values where δ = 0; no tighter. */
  gated: number;
}

export const alike = (bound: number): Bounds => ({ bound, gated: bound });

/** What is known of a site. */
export interface SiteState {
  readonly site: Site;
  /** What its noise law reported in the last collection. */
  observation: Observation | null;
  /** Of each site above that sends noise: the share of its variance that arrived in that pass. Known until the next. */
  arrivals: ReadonlyMap<string, number>;
  /** The σ that the last gradient assessment accepted. */
  acceptedSigma: number;
  /** Accepted noise ÷ signal in the gradient that travels upstream of it. */
  acceptedUpstream: number;
  /** What the policy gives it; null while its tensors are kept raw. */
  bounds: Bounds | null;
  /**
   * The bound of its last tensor, tighter than `bounds` where a stricter site shares it. For a tensor that is made from
   * several: the bound of one tensor whose error has their variance. 0: nothing was lost.
   */
  applied: number;
  /** By how much more the errors vary where δ = 0. */
  gatedVariance: number;
}

export interface Policy {
  readonly name: string;
  /** The bound of a site of which nothing is known yet; null keeps its tensors raw. */
  readonly initial: Bounds | null;
  /** Bounds for each site. Null, or bounds that are no positive numbers, keep its tensors raw. */
  assign(sites: readonly SiteState[]): readonly (Bounds | null)[];
  /**
   * What is limited for all tensors together: the total noise, or the bytes; for "memory" the bytes, where the policy's own
   * bounds would take more than the device has. Absent: each site is on its own.
   */
  readonly limits?: "noise" | "bytes" | "memory";
  /** For `limits` "bytes": the most bytes that may be saved at any moment; 0: what else the device's memory leaves. */
  readonly savedBytes?: number;
  /** The σ of the weight gradient's error that the policy expects of a bound. */
  sigma(eb: number, observation: Observation): number;
}

/** A policy by name, with the settings that it alone reads. */
export interface PolicyKind<Table extends SettingsTable = SettingsTable> {
  readonly name: string;
  /** One line for the help. */
  readonly help: string;
  readonly settings: Table;
  create(settings: SettingsOf<Table>): Policy;
}

/** Declares a kind; its type keeps the names and types of its settings. */
export const policyKind = <const Name extends string, Table extends SettingsTable>(
  kind: PolicyKind<Table> & { readonly name: Name },
): PolicyKind<Table> & { readonly name: Name } => kind;
