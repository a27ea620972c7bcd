/**
 * The control loop: which bound each site gets. The paper's four phases, every W steps:
 *
 *   1 parameter collection    in backward, each site reports what its noise law needs: E_k, L̄, R (src/ops)
 *   2 gradient assessment     after the step, the mean |momentum| of each layer says which σ is accepted   (4)
 *   3 activation assessment   the law, solved for the bound, says how far each saved tensor may be off     (5, 7)
 *   4 activation compression  until the next collection, the store packs each site at its bound (src/comet/store)
 *
 * δ of a step is known only after its forward pass, so a bound rests on the last collection: a lag of at most W steps.
 * The first step rests on a part of its own batch (see calibrate). Collections are at steps 0, 1, 2, 4, 8, … while
 * the gradients still change fast, then every W.
 */

import type { Observation, Observer, Parameter, Site } from "../engine/op.js";
import { UsageError } from "../error.js";
import { Plan } from "./budget/plan.js";
import { acceptedSigma, upstreamVariance } from "./law.js";
import { type Bounds, law, type Policy, type SiteState } from "./policy.js";

export interface ControllerOptions {
  policy?: Policy;
  /** W, the active factor: steps from one collection to the next. */
  every?: number;
  /** Accepted σ as a share of the mean |momentum|. */
  share?: number;
  /** Policy `budget` only: the most bytes that may be saved at any moment. */
  savedBytes?: number;
}

/** What is known of a site, with the name of its parameter: plain data, and Float32Arrays. */
export type SavedSite = Omit<SiteState, "site" | "heard"> & {
  site: Omit<Site, "parameter"> & { parameter: string | null };
};

const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1] ?? 0;

export class Controller implements Observer {
  readonly policy: Policy;
  readonly every: number;
  readonly share: number;
  readonly sites = new Map<string, SiteState>();
  collecting = true;
  /** Whether it has seen no step, nor taken up what another one knew. */
  fresh = true;
  /** For policies that limit all tensors together. */
  readonly plan: Plan | null;

  constructor({ policy = law, every = 10, share = 0.01, savedBytes = 0 }: ControllerOptions = {}) {
    if (!(Number.isInteger(every) && every >= 1)) {
      throw new UsageError({
        where: "--every",
        expected: "a whole number of steps, at least 1",
        got: String(every),
        remedy: "give for example 10",
      });
    }
    if (!(share > 0 && Number.isFinite(share))) {
      throw new UsageError({
        where: "--share",
        expected: "a finite number above 0",
        got: String(share),
        remedy: "give for example 0.01",
      });
    }
    this.policy = policy;
    this.every = every;
    this.share = share;
    this.plan = policy.limits ? new Plan(policy.limits, savedBytes) : null;
  }

  /** Opens a step, numbered from 0. The first one that it sees collects. */
  begin(step: number): void {
    const early = step < this.every && (step & (step - 1)) === 0;
    this.collecting = this.fresh || early || step % this.every === 0;
    this.fresh = false;
    if (this.collecting) for (const state of this.sites.values()) state.heard = new Map();
  }

  /** Phase 1: what a site reports in backward. */
  record(site: Site, observation: Observation, heard: ReadonlyMap<string, number> = new Map()): void {
    const state = this.#state(site);
    // A branch that was left out has δ = 0, and that tells nothing of the next time.
    if (state.observation !== null && (observation.upstream ?? observation).signal === 0) return;
    let arrived = 0;
    for (const [name, share] of heard) arrived += share * this.#sent(name);
    Object.assign(state, { observation: { ...observation, arrived }, heard });
  }

  /** The variance of the error that a site has added to its input gradient in this step. */
  #sent(name: string): number {
    const { applied, gatedVariance, observation } = this.sites.get(name)!;
    return upstreamVariance(applied, observation!.upstream!, gatedVariance);
  }

  /**
   * Before the first step: phases 1 to 3 on a part of the first batch, back-propagated raw and thrown away, so that
   * not even one step needs the memory that COMET saves. `part` is its share of a batch. A mean loss over fewer
   * images has δ larger by 1/part, each sum of squares likewise; and its gradient, whose noise grows like 1/√part,
   * stands in for the momentum.
   */
  calibrate(part: number, meanGradient: (parameter: Parameter) => number): void {
    for (const state of this.sites.values()) {
      const observation = state.observation;
      if (observation === null) continue;
      // Noise and signal shrink alike; where ∇γ is small, noise shrinks more.
      const upstream = observation.upstream && {
        noise: observation.upstream.noise * part ** 2,
        gated: observation.upstream.gated * part ** 2,
        signal: observation.upstream.signal * part ** 2,
      };
      state.observation = {
        ...observation,
        energy: observation.energy.map((value) => value * part),
        signal: observation.signal * part,
        arrived: 0,
        meanLoss: observation.meanLoss * part,
        batch: observation.batch / part,
        upstream,
      };
    }
    this.assess((parameter) => Math.sqrt(part) * meanGradient(parameter));
  }

  /** Likewise for the plan, on `part` of the images, by a pass that `forward` runs and whose bytes saved it returns. */
  calibratePlan(images: number, part: number, forward: () => number): void {
    this.plan?.begin(images);
    this.plan?.calibrated(part, forward(), [...this.sites.values()]);
  }

  /** Phases 2 and 3, after the optimiser's step. `meanMomentum` gives the mean |m| of a parameter. */
  assess(meanMomentum: (parameter: Parameter) => number): void {
    if (!this.collecting) return;
    const states = [...this.sites.values()];
    for (const state of states) {
      const { parameter } = state.site;
      if (parameter !== null) state.acceptedSigma = acceptedSigma(meanMomentum(parameter), this.share);
    }
    // What travels is heard by all layers below, the lowest hears all of it, and variances add up: together no more
    // than is accepted, in proportion to the gradient, of a typical layer's own.
    const noises = states
      .filter(({ site }) => site.parameter !== null)
      .map(({ acceptedSigma, observation }) => acceptedSigma / Math.sqrt(observation?.signal ?? 0));
    const typical = median(noises.filter(Number.isFinite));
    const senders = states.filter(({ observation }) => observation?.upstream).length;
    for (const state of states) state.acceptedUpstream = typical / Math.sqrt(senders);
    const sound = (bound: number) => bound > 0 && Number.isFinite(bound);
    this.policy.assign(states).forEach((bounds, i) => {
      states[i]!.bounds = bounds && sound(bounds.bound) && sound(bounds.gated) ? bounds : null;
    });
    this.plan?.assess(states);
  }

  /**
   * Phase 4: the bounds of a tensor, null to keep it raw. A site claims it, and lets it have a `share` of its own bound;
   * `tensor`: what the plan knows it by.
   */
  boundsFor(site: Site, share = 1, tensor = ""): Bounds | null {
    const planned = this.plan?.boundsFor(tensor);
    const { bounds } = this.#state(site);
    return planned ?? (bounds && { bound: share * bounds.bound, gated: share * bounds.gated });
  }

  /** The store tells that a site has claimed a tensor, before it is stored. */
  claimed(site: Site): void {
    Object.assign(this.#state(site), { applied: 0, gatedVariance: 0 });
  }

  /**
   * The store tells under which bound it stored the tensor, or one of those from which it will be made: variances of
   * their errors add up.
   */
  stored(site: Site, bound: number, gatedVariance: number): void {
    const state = this.#state(site);
    state.applied = Math.sqrt(state.applied ** 2 + bound ** 2);
    state.gatedVariance += gatedVariance;
  }

  /** All that is known of the sites, in the order in which the policy sees them, with parameters by name. */
  get state(): SavedSite[] {
    return [...this.sites.values()].map(({ site: { name, op, parameter }, heard: _, ...known }) => ({
      site: { name, op, parameter: parameter?.name ?? null },
      ...known,
    }));
  }

  /** Takes up the state of another controller of the same model. */
  restore(state: readonly SavedSite[], parameters: Iterable<Parameter>): void {
    const byName = new Map([...parameters].map((parameter) => [parameter.name, parameter]));
    this.sites.clear();
    this.fresh = state.length === 0;
    for (const { site, ...known } of state) {
      const parameter = site.parameter === null ? null : (byName.get(site.parameter) ?? null);
      this.sites.set(site.name, { site: { ...site, parameter }, heard: new Map(), ...known });
    }
  }

  #state(site: Site): SiteState {
    let state = this.sites.get(site.name);
    if (!state) {
      state = {
        site,
        observation: null,
        heard: new Map(),
        acceptedSigma: 0,
        acceptedUpstream: 0,
        bounds: this.policy.initial,
        applied: 0,
        gatedVariance: 0,
      };
      this.sites.set(site.name, state);
    }
    return state;
  }
}
