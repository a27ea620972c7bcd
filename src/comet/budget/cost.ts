/**
 * What errors cost. The total relative gradient noise of a step, over its L layers with weights w,
 *
 *   (11)  ρ² = 1/L · Σ_w σ_w² / mean|m_w|²
 *
 * is a sum over the sites l that err: with v_l = Var(e_l), each has a share c_l·v_l in Σ_w σ_w²/σ_ok,w² = L·ρ²/share²,
 *
 *   (12)  c_l = mean_k E_k / σ_ok,l²  +  U_l · Σ_w h_lw · T_w / σ_ok,w²
 *
 * first by its own weights, then by what travels: U_l of the variance is sent (8), h_lw of that arrives at layer w, and
 * T_w of that is in its gradient (9).
 */
import { ownNoise } from "../law.js";
import type { SiteState } from "../policy.js";

/** By σ_ok²; 0 for what has no accepted σ: it has no weights, or they stand still. */
const weighed = ({ acceptedSigma, observation }: SiteState, variance: number): number =>
  observation !== null && acceptedSigma > 0 ? variance / acceptedSigma ** 2 : 0;

/** (11) as ρ ÷ share, over the layers whose σ is known, by their weights' names. */
export function relativeNoise(sites: Iterable<SiteState>, sigmas: ReadonlyMap<string, number>): number {
  let [squares, layers] = [0, 0];
  for (const { site, acceptedSigma } of sites) {
    const sigma = sigmas.get(site.parameter?.name ?? "");
    if (sigma === undefined || acceptedSigma === 0) continue;
    squares += (sigma / acceptedSigma) ** 2;
    layers++;
  }
  return Math.sqrt(squares / layers);
}

export interface Cost {
  /** c_l. */
  each: number;
  /** The part of it that is due to errors where δ = 0. */
  gated: number;
}

/** (12) for every site that was observed. */
export function costs(sites: readonly SiteState[]): Map<string, Cost> {
  // Σ_w h_lw·T_w/σ_ok,w², by sender.
  const downstream = new Map<string, number>();
  for (const state of sites) {
    for (const [sender, share] of state.arrivals) {
      const more = share * weighed(state, state.observation?.deltaGain ?? 0);
      downstream.set(sender, (downstream.get(sender) ?? 0) + more);
    }
  }
  const found = new Map<string, Cost>();
  for (const state of sites) {
    const { site, observation } = state;
    if (observation === null) continue;
    const { upstream } = observation;
    const arriving = downstream.get(site.name) ?? 0;
    const travels = upstream === null ? 0 : upstream.noise * arriving;
    const own = site.parameter === null ? 0 : weighed(state, ownNoise(observation));
    found.set(site.name, { each: own + travels, gated: upstream === null ? 0 : upstream.gated * arriving });
  }
  return found;
}
