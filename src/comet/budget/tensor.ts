/** One stored tensor in the plan: which sites share it, what its errors cost, and which bounds a trial looks at. */
import { looseness } from "../coding.js";
import { errorVariance } from "../law.js";
import type { Bounds } from "../policy.js";
import type { Curve, Weighed } from "./allocation.js";
import type { Cost } from "./cost.js";

/** A site's share in a stored tensor. */
export interface SiteShare {
  readonly site: string;
  /** The part of the site's bound that an error here may take: see SaveRequest. */
  readonly share: number;
  /** How far values below zero may be off: as far as others, as far as values where δ = 0, or without limit. */
  readonly below: "bound" | "gated" | "none";
}

export interface PlannedTensor {
  readonly name: string;
  shares: readonly SiteShare[];
  /** The bytes of one image by bound, by trial. */
  curve: Curve;
  /** The bytes of the last step's frames ÷ what the curve says. */
  correction: number;
  /** c: the noise of an error of variance 1, summed over layers in units of their σ_ok². */
  noise: number;
  /** How much looser the bound is below zero, where it may be: then both parts make about as much noise. */
  slack: number;
  /** Null before there is a plan. */
  bound: number | null;
  /** The law's own bound; null where it keeps the tensor raw. Older checkpoints have none. */
  lawBound?: number | null;
}

/**
 * Fills in a tensor's slack and noise from the costs of its sites. Returns the noise that it has under the law's own
 * bounds; 0 if the law keeps it raw.
 */
export function weighTensor(
  tensor: PlannedTensor,
  costs: ReadonlyMap<string, Cost>,
  bounds: ReadonlyMap<string, Bounds | null>,
): number {
  const { shares } = tensor;
  const sum = (term: (share: SiteShare) => number) => shares.reduce((total, share) => total + term(share), 0);
  const each = sum(({ site }) => costs.get(site)?.each ?? 0);
  const gated = sum(({ site, below }) => (below === "gated" ? (costs.get(site)?.gated ?? 0) : 0));
  tensor.slack = looseness(Math.sqrt(each / gated));
  const bent = shares.every(({ below }) => below !== "bound");
  const noise = (bound: number, slack: number) =>
    errorVariance(bound) * (each + (bent ? (slack ** 2 - 1) * gated : 0));
  tensor.noise = noise(Math.sqrt(3), tensor.slack);
  const law = shares.map(({ site, share }) => {
    const own = bounds.get(site);
    return own ? { bound: share * own.bound, gated: share * own.gated } : { bound: 0, gated: 0 };
  });
  const bound = Math.min(...law.map((each) => each.bound));
  tensor.lawBound = bound > 0 ? bound : null;
  const loose = Math.min(...law.filter((_, i) => shares[i]!.below === "gated").map((each) => each.gated));
  return bound > 0 ? noise(bound, looseness(loose / bound)) : 0;
}

/** Bounds around the tensor's own; or, if it has none yet, all the way down from its largest value. */
export function trialBounds(
  { bound, slack }: Pick<PlannedTensor, "bound" | "slack">,
  largest: number,
): Bounds[] {
  let top = 2 ** -100;
  while (top < largest && top < 2 ** 120) top *= 2;
  const near = [-2, -1, 0, 1, 2].map((k) => Math.min((bound ?? top) * 4 ** k, top));
  const all = Array.from({ length: 12 }, (_, k) => top / 4 ** k);
  return [...new Set(bound === null ? all : near)].map((each) => ({ bound: each, gated: slack * each }));
}

/** Tensors as the allocation sees them, with the bytes of so many images. */
export const weighedFor = (tensors: readonly PlannedTensor[], images: number): Weighed[] =>
  tensors.map(({ noise, curve, correction }) => {
    const factor = correction * images;
    const corners = curve.map(({ bound, bytes, saving }) => ({
      bound,
      bytes: factor * bytes,
      saving: factor * saving,
    }));
    return { noise, curve: corners };
  });
