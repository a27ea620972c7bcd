/**
 * Policies: which bounds follow from what is known of the sites. A policy sees all sites at once, so that one may also
 * share out a budget among them; these three look at each alone.
 */

import type { Observation, Site } from "../engine/op.js";
import { BoundError } from "../error.js";
import { gradientSigma, lawBound, paperBound, paperSigma, upstreamBound } from "./law.js";

/** What a policy gives a site. */
export interface Bounds {
  bound: number;
  /** For values where δ = 0; no tighter. */
  gated: number;
}

export const alike = (bound: number): Bounds => ({ bound, gated: bound });

/** What is known of a site. */
export interface SiteState {
  readonly site: Site;
  /** Of the last collection. */
  observation: Observation | null;
  /** In that pass, of each site above that sends noise: which part of its variance arrived. Known until the next one. */
  heard: ReadonlyMap<string, number>;
  /** σ that the last gradient assessment accepted. */
  acceptedSigma: number;
  /** Accepted noise ÷ signal in the gradient that travels upstream of it. */
  acceptedUpstream: number;
  /** What the policy gives it; null while tensors are kept raw. */
  bounds: Bounds | null;
  /**
   * The bound of its last tensor, tighter than `bound` where a stricter site shares it; of a tensor that is made from
   * several, the bound of one whose error has their variance. 0: nothing was lost.
   */
  applied: number;
  /** By how much more errors vary where δ = 0. */
  gatedVariance: number;
}

export interface Policy {
  readonly name: string;
  /** The bound of a site of which nothing is known yet; null keeps its tensors raw. */
  readonly initial: Bounds | null;
  /** Bounds for each site; null, or what are no positive numbers, keep its tensors raw. */
  assign(sites: readonly SiteState[]): readonly (Bounds | null)[];
  /** What is limited for all tensors together: the law's own total of noise, or the bytes. Absent: each site by itself. */
  readonly limits?: "noise" | "bytes";
  /** The σ of the weight gradient's error that the policy expects of a bound. */
  sigma(eb: number, observation: Observation): number;
}

/**
 * The closed form for what a site does to its own parameter and to all that is upstream of it. Of what may travel, half
 * is left to errors where δ = 0.
 */
function lawful({ site, acceptedSigma, acceptedUpstream, observation }: SiteState): Bounds | null {
  if (observation === null) return null;
  const { upstream } = observation;
  const own = site.parameter === null ? Number.POSITIVE_INFINITY : lawBound(acceptedSigma, observation);
  if (upstream === null) return { bound: own, gated: own };
  const half = acceptedUpstream / Math.SQRT2;
  const bound = Math.min(own, upstreamBound(half, upstream.noise / upstream.signal));
  // Without a δ = 0 there is nothing to loosen.
  const loose = upstream.gated > 0 ? upstreamBound(half, upstream.gated / upstream.signal) : 0;
  return { bound, gated: Math.max(bound, loose) };
}

/** The closed form, no fitted constant. */
export const law: Policy = {
  name: "law",
  initial: null,
  assign: (sites) => sites.map(lawful),
  sigma: gradientSigma,
};

/** As much noise in all as the law accepts, in the fewest bytes. What is not in the plan yet is the law's. */
export const spread: Policy = { ...law, name: "spread", limits: "noise" };

/** The least noise in so many bytes. */
export const budget: Policy = { ...law, name: "budget", limits: "bytes" };

/** The paper's form, as recalled. */
export const paper: Policy = {
  name: "paper",
  initial: null,
  assign: (sites) =>
    sites.map(
      ({ acceptedSigma, observation }) => observation && alike(paperBound(acceptedSigma, observation)),
    ),
  sigma: paperSigma,
};

/** One bound for all. */
export function fixed(bound: number): Policy {
  if (!(bound > 0 && Number.isFinite(bound))) {
    throw new BoundError({
      where: "--bound",
      expected: "a finite number above 0",
      got: String(bound),
      remedy: "give for example 1e-3",
    });
  }
  const initial = alike(bound);
  return { name: "fixed", initial, assign: (sites) => sites.map(() => initial), sigma: gradientSigma };
}
