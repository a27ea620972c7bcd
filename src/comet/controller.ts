/**
 * The control loop: which bound each site gets. The paper's four phases, every W steps:
 *
 *   1 parameter collection    in backward, each site's noise law reports what it needs: E_k, L̄, R (src/noise)
 *   2 gradient assessment     after the step, the mean |momentum| of each layer says which σ is accepted   (4)
 *   3 activation assessment   the law, solved for the bound, says how far each saved tensor may be off     (5, 7)
 *   4 activation compression  until the next collection, the store packs each site at its bound (src/comet/store.ts)
 *
 * δ of a step is known only after its forward pass, so a bound rests on the last collection: a lag of at most W steps.
 * The first step rests on a part of its own batch (calibration.ts). Collections are at steps 0, 1, 2, 4, 8, … while the
 * gradients still change fast, then every W.
 */
import type { Expectation, SiteReport, StoreController, Trial } from "../engine/controller.js";
import type { Observation } from "../engine/noise.js";
import type { Need } from "../engine/packed.js";
import type { Parameter, Site } from "../engine/parameter.js";
import { UsageError } from "../error.js";
import { NoisePass } from "../noise/pass.js";
import { createRng } from "../rng.js";
import { Plan } from "./budget/plan.js";
import { calibrate } from "./calibration.js";
import { acceptedSigma, upstreamVariance } from "./law.js";
import { law } from "./policies/law.js";
import type { Bounds, Policy, SiteState } from "./policy.js";
import { ErrorTrace } from "./prediction.js";
import { checkSaved, type SavedController } from "./saved.js";

export interface ControllerOptions {
  policy?: Policy;
  /** W, the active factor: the number of steps from one collection to the next. */
  every?: number;
  /** The accepted σ as a share of the mean |momentum|. */
  share?: number;
}

const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1] ?? 0;

export class Controller implements StoreController {
  readonly policy: Policy;
  readonly every: number;
  readonly share: number;
  readonly sites = new Map<string, SiteState>();
  readonly observer = new NoisePass(this);
  collecting = true;
  /** Whether it has neither seen a step nor restored the state of another controller. */
  fresh = true;
  /** For policies that limit all tensors together. */
  readonly plan: Plan | null;

  constructor({ policy = law, every = 10, share = 0.01 }: ControllerOptions = {}) {
    const check = (name: string, value: number, ok: boolean, expected: string) => {
      if (ok) return;
      throw new UsageError({
        where: `settings.${name}`,
        expected,
        got: String(value),
        remedy: `leave settings.${name} out for the default`,
      });
    };
    check("every", every, Number.isInteger(every) && every >= 1, "a whole number of at least 1");
    check("share", share, share > 0 && Number.isFinite(share), "a finite number above 0");
    this.policy = policy;
    this.every = every;
    this.share = share;
    this.plan = policy.limits ? new Plan(policy.limits, policy.savedBytes ?? 0) : null;
  }

  prepare(trial: Trial): Expectation | null {
    return this.fresh ? calibrate(this, trial) : null;
  }

  /** Opens a step, numbered from 0. The first step that it sees collects. */
  begin(step: number): void {
    const early = step < this.every && (step & (step - 1)) === 0;
    this.collecting = this.fresh || early || step % this.every === 0;
    this.fresh = false;
    if (this.collecting) for (const state of this.sites.values()) state.arrivals = new Map();
  }

  /** Opens the step's forward pass, after probes. */
  open(): void {
    this.plan?.open();
  }

  /** A site requests a tensor before it is packed. */
  requested(site: Site, need: Need): void {
    if (need === "value") Object.assign(this.#state(site), { applied: 0, gatedVariance: 0 });
  }

  end({ savedPeakBytes, images }: { savedPeakBytes: number; images: number }): void {
    this.plan?.closed(savedPeakBytes, images);
  }

  /** Phase 1: what the noise law of a site reports in backward. */
  record(
    site: Site,
    observation: Omit<Observation, "arrived">,
    arrivals: ReadonlyMap<string, number> = new Map(),
  ): void {
    const state = this.#state(site);
    // A branch that was left out has δ = 0, and that says nothing of the next time.
    if (state.observation !== null && (observation.upstream ?? observation).signal === 0) return;
    let arrived = 0;
    for (const [name, share] of arrivals) arrived += share * this.#sent(name);
    Object.assign(state, { observation: { ...observation, arrived }, arrivals });
  }

  /** The variance of the error that a site has added to its input gradient in this step. */
  #sent(name: string): number {
    const { applied, gatedVariance, observation } = this.sites.get(name)!;
    return upstreamVariance(applied, observation!.upstream!, gatedVariance);
  }

  /** Phases 2 and 3, after the optimiser's step. `meanMomentum` gives the mean |momentum| of a parameter. */
  assess(meanMomentum: (parameter: Parameter) => number): void {
    if (!this.collecting) return;
    const states = [...this.sites.values()];
    for (const state of states) {
      const { parameter } = state.site;
      if (parameter !== null) state.acceptedSigma = acceptedSigma(meanMomentum(parameter), this.share);
    }
    // The noise that travels reaches all layers below, and the lowest layer gets all of it. Variances add up. So all
    // senders together get what a typical layer accepts of its own noise, in proportion to the gradient.
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
   * Phase 4: the bounds of a tensor, null to keep it raw. `share`: the part of the site's bound that this tensor may use.
   * `tensor`: the name under which the plan knows it.
   */
  boundsFor(site: Site, share = 1, tensor = ""): Bounds | null {
    const planned = this.plan?.boundsFor(tensor);
    const { bounds } = this.#state(site);
    return planned ?? (bounds && { bound: share * bounds.bound, gated: share * bounds.gated });
  }

  /**
   * The store has packed, under this bound, the tensor of a site or one of those from which it will be made. The
   * variances of their errors add up.
   */
  stored(site: Site, bound: number, gatedVariance: number): void {
    const state = this.#state(site);
    state.applied = Math.sqrt(state.applied ** 2 + bound ** 2);
    state.gatedVariance += gatedVariance;
  }

  expected(): { noise: number; lawNoise: number } | null {
    if (!this.plan) return null;
    const { noise, lawNoise } = this.plan.outlook;
    return { noise: this.share * noise, lawNoise: this.share * lawNoise };
  }

  report(): SiteReport[] | null {
    if (!this.collecting) return null;
    return [...this.sites.values()].map(({ site, applied, acceptedSigma, observation }) => ({
      name: site.name,
      bound: applied > 0 ? applied : null,
      acceptedSigma,
      nonZero: observation?.nonZero ?? Number.NaN,
    }));
  }

  predict(seed: number): ErrorTrace {
    return new ErrorTrace(this, createRng(seed));
  }

  /** All that is known, the sites in the order in which the policy sees them. */
  state(): SavedController {
    const sites = [...this.sites.values()].map(
      ({ site: { name, op, parameter }, arrivals: _, ...known }) => ({
        site: { name, op, parameter: parameter?.name ?? null },
        ...known,
      }),
    );
    return { sites, plan: this.plan?.state ?? null };
  }

  /** Continues from the state of another controller of the same model. Throws a DataError if it is none. */
  restore(state: unknown, parameters: Iterable<Parameter>): void {
    const { sites, plan } = checkSaved(state);
    const byName = new Map([...parameters].map((parameter) => [parameter.name, parameter]));
    this.sites.clear();
    this.fresh = sites.length === 0;
    for (const { site, ...known } of sites) {
      const parameter = site.parameter === null ? null : (byName.get(site.parameter) ?? null);
      this.sites.set(site.name, { site: { ...site, parameter }, arrivals: new Map(), ...known });
    }
    if (plan) this.plan?.restore(plan);
  }

  #state(site: Site): SiteState {
    let state = this.sites.get(site.name);
    if (!state) {
      state = {
        site,
        observation: null,
        arrivals: new Map(),
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
