/**
 * COMET behind the seam: phase 4, activation compression. A tensor that conv or linear layers have claimed is encoded
 * at the tightest of their bounds and its raw bytes are freed; one of which only the support is needed becomes a mask of
 * one bit an element; whatever has no bound yet, or must be exact, stays as it is.
 */
import type { Quantizer as FrameQuantizer } from "../codec/bound.js";
import type { Choice } from "../codec/dense/choice.js";
import type { Block } from "../device/device.js";
import type { Category } from "../device/ledger.js";
import type { Site } from "../engine/op.js";
import { imagesOf } from "../engine/saved.js";
import {
  type Claimant,
  type Handle,
  type Need,
  type Packed,
  Raw,
  type Recipe,
  type SavedTensor,
  Store,
} from "../engine/store.js";
import { sizeOf, type Tensor } from "../engine/tensor.js";
import { deriveSeed } from "../rng.js";
import type { Audit } from "./audit.js";
import type { Point } from "./budget/allocation.js";
import type { Claim } from "./budget/plan.js";
import type { Controller } from "./controller.js";
import { Frames } from "./frames.js";
import { errorVariance } from "./law.js";
import { Mask } from "./mask.js";
import type { Bounds } from "./policy.js";

/** `dithered` becomes the codec's `signed` where a mask or a looser bound below zero asks for signs. */
export type Quantizer = Exclude<FrameQuantizer, "signed">;
export type Mode = "fast" | "dense" | "auto";

interface PartOptions {
  bound: number;
  negativeBound?: number;
  quantizer: FrameQuantizer;
  mode: Mode;
  seed?: number;
}

/** `length` values at `x`, to become a frame. */
export interface Uncoded {
  x: number;
  length: number;
  shape: readonly number[];
  options: PartOptions & { choice?: Choice | null };
}

/** A frame, and where its values go; `positive`: where they go rectified as well. */
export interface Coded {
  frame: Block;
  out: number;
  rectified: boolean;
  positive?: number;
}

/** The codec as the store uses it: on the device's own bytes, several frames at a time. */
export interface DeviceCodec {
  /** The most bytes that it works with meanwhile. */
  readonly workspaceBytes: number;
  /** How these values would be encoded: parts of one tensor share the answer. */
  choose(part: Uncoded): Choice | null;
  /** The frames of some parts, in order. */
  encode(parts: readonly Uncoded[], category: Category, site: string): Block[];
  decode(parts: readonly Coded[]): void;
}

/** How one tensor is coded. */
export interface Coding {
  bound: number;
  /** For values below zero; no tighter. */
  below: number;
  quantizer: Quantizer;
  mode: Mode;
  seed: number;
}

export interface CometStoreOptions {
  /**
   * Default "dithered": its error is uniform and independent of the signal, which is what the law assumes. Under
   * "support" neighbouring equal values (a flat background) err alike, and the law's σ is too small in the first
   * layers (test/training/train.test.ts, "the law test can fail"). Both keep every zero; docs/theory.md, section 3, has the cost.
   */
  quantizer?: Quantizer;
  mode?: Mode;
  /** Compresses the inputs of convolutions and linear layers alone, as the paper does. */
  convOnly?: boolean;
}

/** What became of one saved tensor. */
export interface PackRecord {
  /** Under a bound, as a mask of its support, made from others when asked for, or as it was, exact or without a bound yet. */
  kind: "frame" | "mask" | "recipe" | "raw";
  /** The first site that claimed it, or a tensor that is made from it. */
  site: string;
  /** Whether a convolution claimed it, and whether one claimed what is made from it. */
  conv: boolean;
  servesConv: boolean;
  /** Null for what is exact. */
  bound: number | null;
  /** Of the tensor as it is; 0 where only others that are made from it were claimed. */
  rawBytes: number;
  packedBytes: number;
}

export class CometStore extends Store {
  readonly name = "comet";
  override readonly keeps;
  readonly controller: Controller;
  readonly quantizer: Quantizer;
  readonly mode: Mode;
  /** Called for every tensor that was claimed. */
  onPack: ((record: PackRecord) => void) | null = null;
  /** Which of a step's draws of the dither; a probe compresses one step several times. */
  draw = 0;
  /** While set, every frame is decoded at once and compared with its original. */
  audit: Audit | null = null;
  /** A tensor that none of these sites claims stays as it is. */
  only: (site: Site) => boolean;
  readonly #codec: DeviceCodec;

  constructor(codec: DeviceCodec, controller: Controller, options: CometStoreOptions = {}) {
    super();
    this.#codec = codec;
    this.controller = controller;
    this.quantizer = options.quantizer ?? "dithered";
    this.mode = options.mode ?? "auto";
    // `paper` rounds small values to zero: no mask follows from its frames, and so no chain.
    this.keeps = options.convOnly || this.quantizer === "paper" ? ("all" as const) : ("last" as const);
    this.only = options.convOnly ? ({ op }) => op === "conv2d" || op === "linear" : () => true;
  }

  override put(tensor: Tensor, site: Site, need: Need): Handle {
    if (need === "value") this.controller.claimed(site);
    return super.put(tensor, site, need);
  }

  override derive(saved: SavedTensor, recipe: Recipe): Packed {
    this.#tell("recipe", 4 * sizeOf(saved.shape), saved.claimants, null, 0);
    return super.derive(saved, recipe);
  }

  pack(x: Tensor, claimants: readonly Claimant[], soleReader: boolean): Packed {
    const rawBytes = 4 * x.size;
    const values = claimants.filter(({ need }) => need === "value");
    const masked = claimants.some(({ need }) => need === "support");
    const positive = claimants.some(({ positive }) => positive);
    const exact = claimants.some(({ need }) => need === "exact");
    const site = (values[0] ?? claimants[0]!).site.name;
    if (!exact && values.length === 0 && !positive) {
      const mask = new Mask(x, site);
      this.#tell("mask", rawBytes, claimants, null, mask.bytes);
      return mask;
    }
    const mayErr = !exact && values.some(({ site }) => this.only(site));
    // Where a ReLU is all that reads x, δ = 0 below zero, and values there may be further off.
    const gated = positive && soleReader;
    const below = (claimant: Claimant): Claim["below"] =>
      claimant.positive ? "none" : gated && claimant.sole ? "gated" : "bound";
    const encode = (from: Tensor, bounds: readonly Bounds[], category: Category) => {
      const allowed = { none: () => Number.POSITIVE_INFINITY, gated: looser, bound: tighter };
      const coding = {
        bound: Math.min(...bounds.map(tighter)),
        below: Math.min(...values.map((claimant, i) => allowed[below(claimant)](bounds[i]!))),
        quantizer: this.quantizer,
        mode: this.mode,
        seed: deriveSeed(x.engine.stepSeed, `${site}/${this.draw}`) >>> 0,
      };
      return new Frames(this.#codec, from, site, coding, {
        masked: masked && positive,
        category,
      });
    };
    const { plan, collecting } = this.controller;
    const name = values.map(({ site }) => site.name).join("+");
    if (mayErr && collecting && plan?.wantsTrials) {
      const claims = values.map((claimant) => {
        return { site: claimant.site.name, share: claimant.share, below: below(claimant) };
      });
      plan.collected(
        name,
        claims,
        this.#trials(x, plan.trials(name, x.engine.kernels.maxAbs(x.data)), (some, bounds) =>
          encode(
            some,
            values.map(() => bounds),
            "workspace",
          ),
        ),
      );
    }
    const bounds = values.map(({ site, share }) => this.controller.boundsFor(site, share, name));
    if (!mayErr || bounds.includes(null)) {
      if (x.shape.length === 1) plan?.storedOnce(rawBytes);
      if (mayErr) plan?.stored(name, rawBytes, x.shape[0]!);
      this.#tell("raw", rawBytes, claimants, null, rawBytes);
      return new Raw(x.ref);
    }
    let factor = 1;
    let taken = bounds as Bounds[];
    let frames = encode(x, taken, "workspace");
    for (let tries = 0; tries < mostTries; tries++) {
      const looser = plan?.looser(name, frames.bytes, factor) ?? factor;
      if (looser === factor) break;
      factor = looser;
      frames.free();
      taken = (bounds as Bounds[]).map(({ bound, gated }) => ({
        bound: factor * bound,
        gated: factor * gated,
      }));
      frames = encode(x, taken, "workspace");
    }
    frames.keep(masked && this.quantizer === "paper" ? new Mask(x, site) : null);
    plan?.stored(name, frames.bytes, x.shape[0]!, factor);
    const bound = Math.min(...taken.map(tighter));
    this.#report(values, bound, frames.slack);
    this.#tell("frame", rawBytes, claimants, bound, frames.bytes);
    if (this.audit) {
      const decoded = frames.range(0, x.shape[0]!);
      this.audit.compare(site, bound, x.data, decoded.data, x.shape, bound * frames.slack);
      decoded.dispose();
    }
    return frames;
  }

  /** An image's bytes under some bounds, by encoding a few images. */
  #trials(x: Tensor, bounds: readonly Bounds[], encode: (some: Tensor, bounds: Bounds) => Frames): Point[] {
    const images = x.shape[0]!;
    const count = Math.min(images, this.controller.plan!.sample);
    const some = imagesOf(x, 0, count);
    const points = bounds.map((bounds) => {
      const frames = encode(some, bounds);
      frames.free();
      return { bound: bounds.bound, bytes: frames.bytes / count };
    });
    some.dispose();
    return points;
  }

  /** Tells the controller what the errors of each site's tensor are like. */
  #report(values: readonly Claimant[], bound: number, slack: number): void {
    for (const { site, positive } of values) {
      const gated = positive ? 0 : errorVariance(bound * slack) - errorVariance(bound);
      this.controller.stored(site, bound, gated);
    }
  }

  #tell(
    kind: PackRecord["kind"],
    bytes: number,
    claimants: readonly Claimant[],
    bound: number | null,
    packedBytes: number,
  ): void {
    if (!this.onPack) return;
    const own = claimants.filter(({ derived }) => !derived);
    const conv = (list: readonly Claimant[]) =>
      list.some(({ site, need }) => site.op === "conv2d" && need === "value");
    this.onPack({
      kind,
      site: (own[0] ?? claimants[0]!).site.name,
      conv: conv(own),
      servesConv: conv(claimants),
      bound,
      rawBytes: own.length > 0 ? bytes : 0,
      packedBytes,
    });
  }
}

/** How often a tensor is coded again to keep to a budget. */
const mostTries = 4;

const tighter = ({ bound }: Bounds): number => bound;
const looser = ({ gated }: Bounds): number => gated;
