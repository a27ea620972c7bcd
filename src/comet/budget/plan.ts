/**
 * The plan: bounds for all stored tensors together, under policy `spread` or `budget`.
 *
 *   collected   what an error costs, by site (src/comet/budget/cost.ts), and bytes by bound, by trial: some images of each tensor
 *               are encoded at bounds around the present one, the only way to know what predictors and tables will make of them
 *   each step   what the frames really took, beside what the trials said of that bound: a correction for the next step
 *
 * `spread` is planned where it is collected. `budget` is planned before each step, for a little less than is allowed;
 * and within the step: once what is stored and what is expected of the rest would come too near to what is allowed, or stay
 * far below it, the rest is planned anew, for what is left. A tensor that takes more than can be made up for is coded again,
 * under looser bounds, up to four times. Should it take more under the loosest of use, it does: a step is not stopped.
 */

import { looseness } from "../coding.js";
import { errorVariance } from "../law.js";
import type { Bounds, SiteState } from "../policy.js";
import {
  bytesAt,
  bytesOf,
  type Curve,
  curveThrough,
  forBytes,
  forNoise,
  leastBytes,
  noiseOf,
  type Point,
  type Weighed,
} from "./allocation.js";
import { costs } from "./cost.js";

/** A site's share in a stored tensor. */
export interface SiteShare {
  readonly site: string;
  /** How much of the site's bound an error here may take: see SaveRequest. */
  readonly share: number;
  /** Below zero: as elsewhere, where δ = 0, or not at all. */
  readonly below: "bound" | "gated" | "none";
}

export interface PlannedTensor {
  readonly name: string;
  shares: readonly SiteShare[];
  /** An image's bytes, by trial. */
  curve: Curve;
  /** What the frames of the last step took ÷ what the curve says. */
  correction: number;
  /** c: noise, summed over layers in units of their σ_ok², of an error of variance 1. */
  noise: number;
  /** How much looser the bound is below zero, where it may be: then both parts make about as much noise. */
  slack: number;
  /** Null before there is a plan. */
  bound: number | null;
}

/** What the plan expects of a step. */
export interface Outlook {
  savedBytes: number;
  /** With every tensor at the loosest bound of use. */
  leastBytes: number;
  /** √(Σ σ²/σ_ok² ÷ L): the total relative noise ÷ share; and under the law's own bounds. */
  noise: number;
  lawNoise: number;
}

/** All that the plan knows: plain data. */
export interface SavedPlan {
  savedBytes: number;
  images: number;
  fixedBytes: number;
  lawNoise: number;
  layers: number;
  tensors: readonly PlannedTensor[];
}

/**
 * Of what a budget leaves for frames: what a step is planned for, since its tensors may take more than those of the step
 * before, and what it may still come to when it is planned anew on the way, since the last ones cannot make up for themselves.
 */
const planned = 31 / 32;
const allowed = 63 / 64;
/** Where the rest is expected to take less than this share of what was meant for it, it is planned anew as well. */
const unused = 15 / 16;

export class Plan {
  readonly limits: "noise" | "bytes";
  /** The most that may be saved at any moment of a step; `bytes` only. 0: yet to be settled. */
  savedBytes: number;
  /** While set, steps teach it nothing. */
  paused = false;
  /** To compare policies: what its bounds are multiplied by; with 0, sites have the law's own. */
  factor = 1;
  #tensors = new Map<string, PlannedTensor>();
  /** Images of a whole batch. */
  #images = 0;
  /** What no bound changes: masks, places of maxima, what is kept exactly. */
  #fixedBytes = 0;
  #lawNoise = 0;
  #layers = 0;
  /** Of the step under way: bytes of frames, and tensors yet to be stored. */
  #spent = 0;
  readonly #ahead = new Set<PlannedTensor>();
  /** And bytes that are saved once a batch, however many images it has. */
  #once = 0;

  constructor(limits: Plan["limits"], savedBytes: number) {
    this.limits = limits;
    this.savedBytes = savedBytes;
  }

  /** A forward pass begins. */
  open(): void {
    this.#spent = 0;
    this.#once = 0;
    this.#ahead.clear();
    for (const tensor of this.#tensors.values()) this.#ahead.add(tensor);
    if (this.limits === "bytes") this.#fit([...this.#ahead], planned * this.#forFrames);
  }

  get #forFrames(): number {
    return this.savedBytes - this.#fixedBytes;
  }

  #fit(tensors: readonly PlannedTensor[], bytes: number): void {
    const bounds = forBytes(this.#weigh(tensors), bytes);
    for (const [i, tensor] of tensors.entries()) tensor.bound = bounds[i]!;
  }

  #weigh(tensors: readonly PlannedTensor[]): Weighed[] {
    return tensors.map(({ noise, curve, correction }) => {
      const factor = correction * this.#images;
      const corners = curve.map(({ bound, bytes, saving }) => ({
        bound,
        bytes: factor * bytes,
        saving: factor * saving,
      }));
      return { noise, curve: corners };
    });
  }

  /** The bounds of a tensor; null if there are none planned. */
  boundsFor(name: string): Bounds | null {
    const { bound, slack } = this.#tensors.get(name) ?? { bound: null, slack: 1 };
    if (bound === null || this.factor === 0) return null;
    return { bound: this.factor * bound, gated: this.factor * bound * slack };
  }

  /** Whether what errors cost is known: then it is worth knowing what they save. */
  get wantsTrials(): boolean {
    return this.#layers > 0 && !this.paused;
  }

  /** The most images that a trial takes. */
  get sample(): number {
    return Math.max(1, Math.floor(this.#images / 8));
  }

  /** Where a trial looks: around the tensor's bound, or all the way down from its largest value. */
  trials(name: string, largest: number): Bounds[] {
    let top = 2 ** -100;
    while (top < largest && top < 2 ** 120) top *= 2;
    const { bound, slack } = this.#tensors.get(name) ?? { bound: null, slack: 1 };
    const near = [-2, -1, 0, 1, 2].map((k) => Math.min((bound ?? top) * 4 ** k, top));
    const all = Array.from({ length: 12 }, (_, k) => top / 4 ** k);
    return [...new Set(bound === null ? all : near)].map((bound) => ({ bound, gated: slack * bound }));
  }

  /** What a trial found. `points`: bytes of an image. */
  collected(name: string, shares: readonly SiteShare[], points: readonly Point[]): void {
    const known = this.#tensors.get(name) ?? { name, correction: 1, noise: 0, slack: 1, bound: null };
    this.#tensors.set(name, Object.assign(known, { shares, curve: curveThrough(points) }));
  }

  /** A tensor of this step has been stored, under `factor` times its bound. */
  stored(name: string, bytes: number, images: number, factor = 1): void {
    const tensor = this.#tensors.get(name);
    if (!tensor || this.paused) return;
    this.#spent += bytes;
    this.#ahead.delete(tensor);
    if (tensor.bound === null) return;
    tensor.bound *= factor;
    if (images === this.#images) tensor.correction = bytes / (images * bytesAt(tensor.curve, tensor.bound));
    if (this.limits !== "bytes") return;
    const ahead = [...this.#ahead];
    const expected = this.#expected(ahead);
    const left = allowed * this.#forFrames - this.#spent;
    const meant = planned * this.#forFrames - this.#spent;
    if (expected > left) this.#fit(ahead, left);
    else if (expected < unused * meant) this.#fit(ahead, meant);
  }

  /**
   * A tensor took so many bytes under `factor` times its bound. The factor that it should have: the same, unless that leaves
   * too few bytes for those ahead, whatever their bounds.
   */
  looser(name: string, bytes: number, factor: number): number {
    const tensor = this.#tensors.get(name);
    if (this.limits !== "bytes" || !tensor || this.paused || tensor.bound === null) return factor;
    const { curve, bound } = tensor;
    const others = [...this.#ahead].filter((other) => other !== tensor);
    const room = this.#forFrames - this.#spent - leastBytes(this.#weigh(others));
    if (bytes <= room) return factor;
    // As its curve foretells, scaled to what was found; beyond the loosest bound of use, noise would buy nothing.
    const loosest = Math.max(factor, curve.at(-1)!.bound / bound);
    const scale = bytes / bytesAt(curve, factor * bound);
    for (let other = 2 * factor; other < loosest; other *= 2) {
      if (scale * bytesAt(curve, other * bound) <= room) return other;
    }
    return loosest;
  }

  /** So were bytes that more images would not add to. */
  storedOnce(bytes: number): void {
    this.#once += bytes;
  }

  #expected(tensors: readonly PlannedTensor[]): number {
    const bounded = tensors.filter(({ bound }) => bound !== null);
    return bytesOf(
      this.#weigh(bounded),
      bounded.map(({ bound }) => bound!),
    );
  }

  /** The step's forward pass is over: `savedPeak` are all bytes that were saved. */
  closed(savedPeak: number, images: number): void {
    if (images === this.#images) this.#fixedBytes = savedPeak - this.#spent;
  }

  /** After the calibration of the controller, and before that of the plan, a forward pass on some of a batch's images. */
  begin(images: number): void {
    this.#images = images;
    this.open();
  }

  /** After that pass, on `part` of the images. */
  calibrated(part: number, savedPeak: number, sites: readonly SiteState[]): void {
    this.#fixedBytes = (savedPeak - this.#spent - this.#once) / part + this.#once;
    this.assess(sites);
    this.open();
  }

  /** Weighs tensors by what was collected of the sites. */
  assess(sites: readonly SiteState[]): void {
    const found = costs(sites);
    const bounds = new Map(sites.map(({ site, bounds }) => [site.name, bounds]));
    const sum = (shares: readonly SiteShare[], term: (share: SiteShare) => number) =>
      shares.reduce((total, share) => total + term(share), 0);
    this.#lawNoise = 0;
    this.#layers = sites.filter(({ site, acceptedSigma }) => site.parameter && acceptedSigma > 0).length;
    for (const tensor of this.#tensors.values()) {
      const { shares } = tensor;
      const each = sum(shares, ({ site }) => found.get(site)?.each ?? 0);
      const gated = sum(shares, ({ site, below }) => (below === "gated" ? (found.get(site)?.gated ?? 0) : 0));
      tensor.slack = looseness(Math.sqrt(each / gated));
      const bent = shares.every(({ below }) => below !== "bound");
      const noise = (bound: number, slack: number) =>
        errorVariance(bound) * (each + (bent ? (slack ** 2 - 1) * gated : 0));
      tensor.noise = noise(Math.sqrt(3), tensor.slack);
      const law = shares.map(({ site, share }) => {
        const own = bounds.get(site);
        return own ? { bound: share * own.bound, gated: share * own.gated } : { bound: 0, gated: 0 };
      });
      const bound = Math.min(...law.map(({ bound }) => bound));
      const loose = Math.min(...law.filter((_, i) => shares[i]!.below === "gated").map(({ gated }) => gated));
      if (bound > 0) this.#lawNoise += noise(bound, looseness(loose / bound));
    }
    if (this.limits === "noise") {
      const tensors = [...this.#tensors.values()];
      const bounds = forNoise(this.#weigh(tensors), this.#lawNoise);
      for (const [i, tensor] of tensors.entries()) tensor.bound = bounds[i]!;
    }
  }

  get outlook(): Outlook {
    const tensors = [...this.#tensors.values()];
    const weighed = this.#weigh(tensors);
    const bounds = tensors.map(({ bound }) => bound ?? 0);
    const relative = (noise: number) => Math.sqrt(noise / this.#layers);
    return {
      savedBytes: this.#fixedBytes + bytesOf(weighed, bounds),
      leastBytes: this.#fixedBytes + leastBytes(weighed),
      noise: relative(noiseOf(weighed, bounds)),
      lawNoise: relative(this.#lawNoise),
    };
  }

  get state(): SavedPlan {
    return {
      savedBytes: this.savedBytes,
      images: this.#images,
      fixedBytes: this.#fixedBytes,
      lawNoise: this.#lawNoise,
      layers: this.#layers,
      tensors: [...this.#tensors.values()],
    };
  }

  restore({ savedBytes, images, fixedBytes, lawNoise, layers, tensors }: SavedPlan): void {
    this.savedBytes = savedBytes;
    this.#images = images;
    this.#fixedBytes = fixedBytes;
    this.#lawNoise = lawNoise;
    this.#layers = layers;
    this.#tensors = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  }
}
