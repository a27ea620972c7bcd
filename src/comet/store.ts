/**
 * COMET behind the seam: phase 4, activation compression. A tensor that a convolution or another op needs within a bound
 * is encoded at the tightest of the bounds and its raw bytes are freed. A tensor of which only the support is needed
 * becomes a mask of one bit an element. A tensor without a bound, or one that must be exact, stays as it is.
 */
import { usualSaving } from "../codec/dense/choice.js";
import type { Category } from "../device/ledger.js";
import { imagesOf, type Packed, Raw, type SaveRequest } from "../engine/packed.js";
import type { Site } from "../engine/parameter.js";
import type { ChainPlan, ChooseSegments } from "../engine/plan.js";
import type { SavedTensor } from "../engine/saved.js";
import { Store } from "../engine/store.js";
import type { Tensor } from "../engine/tensor.js";
import { deriveSeed } from "../rng.js";
import type { Point } from "./budget/allocation.js";
import type { SiteShare } from "./budget/tensor.js";
import type { DeviceCodec, Mode, Quantizer } from "./coding.js";
import type { Controller } from "./controller.js";
import { Frames } from "./frames.js";
import { errorVariance } from "./law.js";
import { Mask } from "./mask.js";
import type { Bounds } from "./policy.js";
import { leastSaving } from "./saving.js";

export interface CometStoreOptions {
  /**
   * Default "dithered": its error is uniform and independent of the signal, which is what the law assumes. Under
   * "support" neighbouring equal values (a flat background) have equal errors, and the law's σ is too small in the first
   * layers (test/training/train.test.ts, "the law test can fail"). Both keep every zero; docs/theory.md, section 3, has
   * the cost.
   */
  quantizer?: Quantizer;
  mode?: Mode;
  /** Compresses the inputs of convolutions and linear layers alone, as the paper does. */
  convOnly?: boolean;
  /**
   * Chooses what is computed again from compressed tensors. The noise laws do not know how such errors pass through the
   * steps in between: docs/rivals.md, "COMET with recomputation".
   */
  segments?: ChooseSegments | null;
}

/** Packs a tensor, or a part of it, under one pair of bounds for each request. */
type Encode = (x: Tensor, bounds: readonly Bounds[], category: Category) => Frames;

/** The most times that a tensor is coded again to keep to a budget. */
const mostTries = 4;

export class CometStore extends Store {
  readonly name: string;
  override readonly keeps;
  override readonly controller: Controller;
  override readonly random: boolean;
  override readonly segments: ChooseSegments | null;
  override readonly unpackBytes: number;
  readonly quantizer: Quantizer;
  readonly mode: Mode;
  /** A tensor that none of these sites requests stays as it is. */
  only: (site: Site) => boolean;
  readonly #codec: DeviceCodec;
  /** By the plan of a pass, since several networks may share an engine. */
  readonly #savings = new WeakMap<ChainPlan, number>();

  constructor(codec: DeviceCodec, controller: Controller, options: CometStoreOptions = {}) {
    super();
    const { quantizer = "dithered", mode = "auto", convOnly = false, segments = null } = options;
    this.#codec = codec;
    this.controller = controller;
    this.quantizer = quantizer;
    this.mode = mode;
    this.name = convOnly ? "comet-conv" : "comet";
    this.random = quantizer === "dithered";
    // `paper` rounds small values to zero, so no mask follows from its frames, and a chain needs one.
    this.keeps = convOnly || quantizer === "paper" ? ("all" as const) : ("last" as const);
    this.segments = segments;
    this.unpackBytes = codec.workspaceBytes;
    this.only = convOnly ? ({ op }) => op === "conv2d" || op === "linear" : () => true;
  }

  /** What dense mode must save in this pass. */
  #saving(): number {
    // Where a policy plans bytes, they are worth the time. A store that keeps everything has no plan in its first pass, and
    // a resumed run, which begins with such a pass, must make the same frames.
    if (this.controller.plan !== null || this.keeps === "all") return usualSaving;
    const { plan } = this.chains.pass;
    const known = this.#savings.get(plan) ?? leastSaving(plan, this.only);
    this.#savings.set(plan, known);
    return known;
  }

  override signsOf(saved: SavedTensor): Mask {
    const x = saved.unpack();
    const mask = Mask.ofPositive(x, saved.name);
    x.dispose();
    return mask;
  }

  pack(x: Tensor, requests: readonly SaveRequest[], gated: boolean): Packed {
    // The entry of a segment of which only supports are needed.
    if (requests.length === 0) return new Raw(x.ref);
    const values = requests.filter(({ need }) => need === "value");
    const masked = requests.some(({ need }) => need === "support");
    const positive = requests.some((request) => request.positive);
    const exact = requests.some(({ need }) => need === "exact");
    const site = (values[0] ?? requests[0]!).site.name;
    if (!exact && values.length === 0 && !positive) return new Mask(x, site);
    // Where δ = 0 below zero, values there may be further off.
    const shares = values.map((request) => shareOf(request, gated));
    const encode: Encode = (from, bounds, category) => {
      const allowed = { none: () => Number.POSITIVE_INFINITY, gated: looser, bound: tighter };
      const coding = {
        bound: Math.min(...bounds.map(tighter)),
        below: Math.min(...shares.map(({ below }, i) => allowed[below](bounds[i]!))),
        quantizer: this.quantizer,
        mode: this.mode,
        saving: this.#saving(),
        seed: deriveSeed(x.engine.stepSeed, `${site}/${this.draw}`) >>> 0,
      };
      return new Frames(this.#codec, from, site, coding, { masked: masked && positive, category });
    };
    const mayErr = !exact && values.some((request) => this.only(request.site));
    return this.#packWithin(x, mayErr ? values : [], shares, encode, masked ? site : null);
  }

  /** `values`: the requests that leave room for errors; none if x must be exact. `maskSite`: null if no mask is needed. */
  #packWithin(
    x: Tensor,
    values: readonly SaveRequest[],
    shares: readonly SiteShare[],
    encode: Encode,
    maskSite: string | null,
  ): Packed {
    const { plan, collecting } = this.controller;
    const name = shares.map(({ site }) => site).join("+");
    const mayErr = values.length > 0;
    if (mayErr && collecting && plan?.wantsTrials) {
      const bounds = plan.trials(name, x.engine.kernels.maxAbs(x.data));
      plan.collected(name, shares, this.#trials(x, bounds, shares.length, encode));
    }
    const bounds = values.map(({ site, share }) => this.controller.boundsFor(site, share, name));
    const given = bounds.filter((each): each is Bounds => each !== null);
    if (!mayErr || given.length < bounds.length) {
      if (x.shape.length === 1) plan?.storedOnce(4 * x.size);
      if (mayErr) plan?.stored(name, 4 * x.size, x.shape[0]!);
      return new Raw(x.ref);
    }
    const { frames, factor } = this.#withinBudget(x, name, given, encode);
    frames.keep(maskSite !== null && this.quantizer === "paper" ? new Mask(x, maskSite) : null);
    plan?.stored(name, frames.bytes, x.shape[0]!, factor);
    this.#report(values, frames);
    return frames;
  }

  /** The frames under the given bounds, or under looser ones, `factor` times these, where a budget asks for that. */
  #withinBudget(x: Tensor, name: string, bounds: readonly Bounds[], encode: Encode) {
    const { plan } = this.controller;
    let factor = 1;
    let frames = encode(x, bounds, "workspace");
    for (let tries = 0; tries < mostTries; tries++) {
      const next = plan?.looser(name, frames.bytes, factor) ?? factor;
      if (next === factor) break;
      factor = next;
      frames.free();
      const loosened = bounds.map(({ bound, gated }) => ({ bound: next * bound, gated: next * gated }));
      frames = encode(x, loosened, "workspace");
    }
    return { frames, factor };
  }

  /** The bytes of an image under some bounds, by encoding a few images. */
  #trials(x: Tensor, bounds: readonly Bounds[], requests: number, encode: Encode): Point[] {
    const count = Math.min(x.shape[0]!, this.controller.plan!.sample);
    const some = imagesOf(x, 0, count);
    const points = bounds.map((each) => {
      const frames = encode(some, Array(requests).fill(each), "workspace");
      frames.free();
      return { bound: each.bound, bytes: frames.bytes / count };
    });
    some.dispose();
    return points;
  }

  /** Tells the controller what the errors of each site's tensor are like. */
  #report(values: readonly SaveRequest[], { bounded: { bound, below } }: Frames): void {
    for (const { site, positive } of values) {
      const gated = positive ? 0 : errorVariance(below) - errorVariance(bound);
      this.controller.stored(site, bound, gated);
    }
  }
}

const shareOf = ({ site, share, positive }: SaveRequest, gated: boolean): SiteShare => ({
  site: site.name,
  share,
  below: positive ? "none" : gated ? "gated" : "bound",
});

const tighter = ({ bound }: Bounds): number => bound;
const looser = ({ gated }: Bounds): number => gated;
