/** The closed form: each site's bound follows from the σ that its layer accepts, with no fitted constant. */
import { gradientSigma, lawBound, upstreamBound } from "../law.js";
import { type Bounds, type Policy, policyKind, type SiteState } from "../policy.js";

/**
 * The closed form for what a site does to its own parameter and to all that is upstream of it. Of the noise that may
 * travel, half is left to errors where δ = 0.
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

export const law: Policy = {
  name: "law",
  initial: null,
  assign: (sites) => sites.map(lawful),
  sigma: gradientSigma,
};

export const lawKind = policyKind({
  name: "law",
  help: "each layer's bound by the closed form",
  settings: {},
  create: () => law,
});
