/**
 * The plan: bounds for all stored tensors together, under policy `spread` or `budget`.
 *
 *   collected   what an error costs, by site (cost.ts), and the bytes at some bounds, by trial: some images of each tensor
 *               are encoded at bounds around the present one, since no formula says what predictors and tables achieve
 *   each step   the bytes of the frames, beside what the trials said of that bound: a correction for the next step
 *
 * `spread` is planned at each collection. `budget` is planned before each step, for a little less than is allowed, and
 * again within the step: when the bytes stored and those expected of the rest come too near to the limit, or stay far
 * below it, the rest is planned for what is left. A tensor that takes more than the others can make up for is coded again
 * under looser bounds, up to four times. If it exceeds its part even under the loosest bound of use, the step goes on.
 */

import type { Bounds, SiteState } from "../policy.js";
import {
  bytesAt,
  bytesOf,
  curveThrough,
  forBytes,
  forNoise,
  leastBytes,
  noiseOf,
  type Point,
  type Weighed,
} from "./allocation.js";
import { costs } from "./cost.js";
import type { Outlook, SavedPlan } from "./state.js";
import { type PlannedTensor, type SiteShare, trialBounds, weighedFor, weighTensor } from "./tensor.js";

/**
 * Parts of what a budget leaves for frames. A step is planned for `planned` of it, since its tensors may take more than
 * those of the step before. A plan within the step may use `allowed` of it, since no later tensor makes up for the last.
 */
const planned = 31 / 32;
const allowed = 63 / 64;
/** The rest is also planned again if it is expected to take less than this part of what was planned for it. */
const unused = 15 / 16;

export class Plan {
  readonly limits: "noise" | "bytes" | "memory";
  /** Unless noise is limited: the most that may be saved at any moment of a step. 0: not yet known. */
  savedBytes: number;
  /** While set, steps do not change the plan. */
  paused = false;
  /** A factor on all bounds, to compare policies. With 0, sites get the law's own bounds. */
  factor = 1;
  #tensors = new Map<string, PlannedTensor>();
  /** The number of images of a whole batch. */
  #images = 0;
  /** The bytes that no bound changes: masks, places of maxima, and what is kept exactly. */
  #fixedBytes = 0;
  #lawNoise = 0;
  /** For `memory`: whether the sites have the law's own bounds. */
  #lawful: boolean;
  #layers = 0;
  /** In the current step: the bytes of frames so far, and the tensors that are still to be stored. */
  #spent = 0;
  readonly #ahead = new Set<PlannedTensor>();
  /** In the current step: the bytes that do not depend on the number of images. */
  #once = 0;

  constructor(limits: Plan["limits"], savedBytes: number) {
    this.limits = limits;
    this.savedBytes = savedBytes;
    this.#lawful = limits === "memory";
  }

  /** Whether the bounds are as loose as a given number of bytes asks for. */
  get loosened(): boolean {
    return this.limits !== "noise" && !this.#lawful;
  }

  /** A forward pass begins. */
  open(): void {
    this.#spent = 0;
    this.#once = 0;
    this.#ahead.clear();
    for (const tensor of this.#tensors.values()) this.#ahead.add(tensor);
    const ahead = [...this.#ahead];
    if (this.limits === "memory") {
      for (const tensor of ahead) tensor.bound = tensor.lawBound ?? null;
      this.#lawful = this.#expected(ahead) <= planned * this.#forFrames;
    }
    if (this.loosened) this.#fit(ahead, planned * this.#forFrames);
  }

  get #forFrames(): number {
    return this.savedBytes - this.#fixedBytes;
  }

  /** Bounds that take so few bytes, even where the law's own were to be used. */
  #loosen(tensors: readonly PlannedTensor[], bytes: number): void {
    this.#lawful = false;
    this.#fit(tensors, bytes);
  }

  #fit(tensors: readonly PlannedTensor[], bytes: number): void {
    const bounds = forBytes(this.#weigh(tensors), bytes);
    for (const [i, tensor] of tensors.entries()) tensor.bound = bounds[i]!;
  }

  readonly #weigh = (tensors: readonly PlannedTensor[]): Weighed[] => weighedFor(tensors, this.#images);

  /** The planned bounds of a tensor; null if there are none. */
  boundsFor(name: string): Bounds | null {
    const { bound, slack } = this.#tensors.get(name) ?? { bound: null, slack: 1 };
    if (bound === null || this.factor === 0 || this.#lawful) return null;
    return { bound: this.factor * bound, gated: this.factor * bound * slack };
  }

  /** Whether the cost of errors is known. Only then are trials of use. */
  get wantsTrials(): boolean {
    return this.#layers > 0 && !this.paused;
  }

  /** The most images of a trial. */
  get sample(): number {
    return Math.max(1, Math.floor(this.#images / 8));
  }

  /** The bounds of a trial: around the tensor's bound, or all the way down from its largest value. */
  trials(name: string, largest: number): Bounds[] {
    return trialBounds(this.#tensors.get(name) ?? { bound: null, slack: 1 }, largest);
  }

  /** The result of a trial. `points`: bytes of one image. */
  collected(name: string, shares: readonly SiteShare[], points: readonly Point[]): void {
    const known = this.#tensors.get(name) ?? {
      ...{ name, correction: 1, noise: 0, slack: 1 },
      ...{ bound: null, lawBound: null },
    };
    this.#tensors.set(name, Object.assign(known, { shares, curve: curveThrough(points) }));
  }

  /** A tensor of this step has been stored under `factor` times its bound. */
  stored(name: string, bytes: number, images: number, factor = 1): void {
    const tensor = this.#tensors.get(name);
    if (!tensor || this.paused) return;
    this.#spent += bytes;
    this.#ahead.delete(tensor);
    if (tensor.bound === null) return;
    tensor.bound *= factor;
    if (images === this.#images) tensor.correction = bytes / (images * bytesAt(tensor.curve, tensor.bound));
    if (this.limits === "noise") return;
    const ahead = [...this.#ahead];
    const expected = this.#expected(ahead);
    const left = allowed * this.#forFrames - this.#spent;
    const meant = planned * this.#forFrames - this.#spent;
    if (expected > left) this.#loosen(ahead, left);
    else if (this.loosened && expected < unused * meant) this.#fit(ahead, meant);
  }

  /**
   * A tensor took `bytes` under `factor` times its bound. Returns the factor that it should have: the same, unless that
   * leaves too few bytes for the tensors ahead, whatever their bounds.
   */
  looser(name: string, bytes: number, factor: number): number {
    const tensor = this.#tensors.get(name);
    if (this.limits === "noise" || !tensor || this.paused || tensor.bound === null) return factor;
    const { curve, bound } = tensor;
    const others = [...this.#ahead].filter((other) => other !== tensor);
    const room = this.#forFrames - this.#spent - leastBytes(this.#weigh(others));
    if (bytes <= room) return factor;
    // The curve, scaled to what was found, says what looser bounds take. Beyond the loosest bound of use they save nothing.
    const loosest = Math.max(factor, curve.at(-1)!.bound / bound);
    const scale = bytes / bytesAt(curve, factor * bound);
    for (let other = 2 * factor; other < loosest; other *= 2) {
      if (scale * bytesAt(curve, other * bound) <= room) return other;
    }
    return loosest;
  }

  /** Bytes were stored that do not depend on the number of images. */
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

  /** The step is over. `savedPeak`: the most bytes that were saved at a time. */
  closed(savedPeak: number, images: number): void {
    if (images === this.#images) this.#fixedBytes = savedPeak - this.#spent;
  }

  /** Opens the forward pass of the plan's calibration. `images`: the number of images of a whole batch. */
  begin(images: number): void {
    this.#images = images;
    this.open();
  }

  /** Closes it. `part`: the part of the images that it ran on. */
  calibrated(part: number, savedPeak: number, sites: readonly SiteState[]): void {
    this.#fixedBytes = (savedPeak - this.#spent - this.#once) / part + this.#once;
    this.assess(sites);
    this.open();
  }

  /** Weighs the tensors by what was collected of the sites. */
  assess(sites: readonly SiteState[]): void {
    const found = costs(sites);
    const bounds = new Map(sites.map(({ site, bounds }) => [site.name, bounds]));
    const tensors = [...this.#tensors.values()];
    this.#layers = sites.filter(({ site, acceptedSigma }) => site.parameter && acceptedSigma > 0).length;
    this.#lawNoise = tensors.reduce((sum, tensor) => sum + weighTensor(tensor, found, bounds), 0);
    if (this.limits !== "noise") return;
    const spread = forNoise(this.#weigh(tensors), this.#lawNoise);
    for (const [i, tensor] of tensors.entries()) tensor.bound = spread[i]!;
  }

  get outlook(): Outlook {
    const tensors = [...this.#tensors.values()];
    const weighed = this.#weigh(tensors);
    const bounds = tensors.map(({ bound }) => bound ?? 0);
    const relative = (noise: number) => Math.sqrt(noise / this.#layers);
    return {
      savedBytes: this.#fixedBytes + bytesOf(weighed, bounds),
      leastBytes: this.#fixedBytes + leastBytes(weighed) / planned,
      noise: relative(this.#lawful ? this.#lawNoise : noiseOf(weighed, bounds)),
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
