/**
 * Policies: which bounds follow from what is known of the sites. A policy sees all sites at once, so that one may also
 * share out a budget among them; these three look at each alone.
 */
import { BoundError } from "../error.js";
import type { Observation, Site } from "../op.js";
import { gradientSigma, lawBound, paperBound, paperSigma } from "./law.js";

/** What is known of a site. */
export interface SiteState {
  readonly site: Site;
  /** Of the last collection. */
  observation: Observation | null;
  /** σ that the last gradient assessment accepted. */
  acceptedSigma: number;
  /** What the policy gives it; null while tensors are kept raw. */
  bound: number | null;
  /** Under which its last tensor was stored: tighter than `bound` where a stricter site shares the tensor. */
  applied: number | null;
}

export interface Policy {
  readonly name: string;
  /** The bound of a site of which nothing is known yet; null keeps its tensors raw. */
  readonly initial: number | null;
  /** A bound for each site; null, or what is no positive number, keeps its tensors raw. */
  assign(sites: readonly SiteState[]): readonly (number | null)[];
  /** The σ of the weight gradient's error that the policy expects of a bound. */
  sigma(eb: number, observation: Observation): number;
}

/** Each site by itself, from what was last observed there. */
const siteBySite =
  (bound: (sigma: number, observation: Observation) => number) => (sites: readonly SiteState[]) =>
    sites.map(({ acceptedSigma, observation }) => (observation ? bound(acceptedSigma, observation) : null));

/** The closed form, no fitted constant. */
export const law: Policy = {
  name: "law",
  initial: null,
  assign: siteBySite(lawBound),
  sigma: gradientSigma,
};

/** The paper's form, as recalled. */
export const paper: Policy = {
  name: "paper",
  initial: null,
  assign: siteBySite(paperBound),
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
  return { name: "fixed", initial: bound, assign: (sites) => sites.map(() => bound), sigma: gradientSigma };
}
