/**
 * A tensor under an error bound: one frame for every few images, so that these can be decoded a few at a time.
 *
 * Values below zero may have a looser bound. For that, and where a ReLU's mask must follow from the frames, the integers
 * hold each value's sign. The decoded values keep their errors, and a small one may come back on the other side of zero:
 * to correct it would shift the mean. proofs: Quantize.signed_sign
 */
import type { Block } from "../device/device.js";
import type { Category } from "../device/ledger.js";
import { type Bounded, imagesAtOnce, type Next, type Packed } from "../engine/packed.js";
import { type Machine, Tensor } from "../engine/tensor.js";
import { ValueCache } from "../engine/value-cache.js";
import { MemoryError } from "../error.js";
import { type Coded, type Coding, type DeviceCodec, looseness, type Uncoded } from "./coding.js";
import { errorVariance } from "./law.js";
import type { Mask } from "./mask.js";

interface FramesOptions {
  /** Whether the sign of every value must be known exactly. */
  masked: boolean;
  category?: Category;
}

/** The decoded images of one frame, which nobody has taken yet. */
interface Decoded {
  first: number;
  rectified: boolean;
  x: Tensor;
}

export class Frames implements Packed {
  readonly kind = "frame";
  readonly bytes: number;
  readonly variance: number;
  /** The number of images in each frame; the last may have fewer. */
  readonly images: number;
  readonly bounded: Bounded;
  readonly #codec: DeviceCodec;
  readonly #engine: Machine;
  readonly #shape: readonly number[];
  readonly #site: string;
  readonly blocks: Block[];
  #mask: Mask | null = null;
  /** Frames that were decoded ahead. */
  readonly #ahead: Decoded[] = [];
  #cache: ValueCache | null = null;
  /** max(x, 0) by the signs in the integers, not by the decoded values. */
  readonly rectified?: (first: number, count: number, next?: Next) => Tensor;

  constructor(
    codec: DeviceCodec,
    x: Tensor,
    site: string,
    { below, saving, ...coding }: Coding,
    { masked, category = "saved" }: FramesOptions,
  ) {
    this.#codec = codec;
    this.#engine = x.engine;
    this.#shape = x.shape;
    this.#site = site;
    this.variance = errorVariance(coding.bound);
    this.images = imagesAtOnce(x.shape);
    const times = looseness(below / coding.bound);
    const negativeBound = times * coding.bound;
    this.bounded = { bound: coding.bound, below: negativeBound };
    const signed = masked || times > 1;
    const quantizer = signed && coding.quantizer === "dithered" ? ("signed" as const) : coding.quantizer;
    if (quantizer === "signed" || quantizer === "support") {
      this.rectified = (first, count, next = null) => {
        if (next !== null && first === 0 && !this.#cache?.whole) this.#startCache(next === "both");
        return this.#cache?.rectified(first, count) ?? this.#next(first, count, true);
      };
    }
    const options = { ...coding, quantizer, ...(signed ? { negativeBound } : {}) };
    const [images, ...image] = x.shape as [number, ...number[]];
    const size = x.size / images;
    const parts: Uncoded[] = [];
    for (let first = 0; first < images; first += this.images) {
      const count = Math.min(this.images, images - first);
      parts.push({
        x: x.data.byteOffset + 4 * size * first,
        length: size * count,
        shape: [count, ...image],
        options: { ...options, seed: (coding.seed + Math.imul(first, 0x9e3779b9)) >>> 0 },
      });
    }
    // The images of a batch are alike, so the choice for the first part serves all.
    const choice = codec.choose(parts[0]!, saving);
    const chosen = parts.map((part) => ({ ...part, options: { ...part.options, choice } }));
    this.blocks = codec.encode(chosen, category, site);
    this.bytes = this.blocks.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** From now on these frames count as saved. `mask`: the support, where the frames do not hold it exactly. */
  keep(mask: Mask | null): void {
    this.#mask = mask;
    for (const frame of this.blocks) this.#engine.device.recategorise(frame, "saved");
  }

  get whole(): boolean {
    return this.#cache?.whole === true;
  }

  gate(dy: Tensor): Tensor | null {
    return this.#mask?.gate(dy) ?? null;
  }

  range(first: number, count: number, more = false): Tensor {
    const whole = count === this.#shape[0];
    const starts = more && first === 0 && !this.#cache?.whole;
    if (starts) this.#startCache();
    if ((starts || whole) && this.#cache?.x && this.#cache.known === 0) this.#fillCache();
    const known = this.#cache?.values(first, count, more);
    if (known) return known;
    const x = this.#next(first, count, false);
    this.#cache?.note(first, x);
    return x;
  }

  /**
   * A pass over the images takes one frame after the other. So as many frames as there are threads are decoded side by
   * side, and the later ones wait in #ahead.
   */
  #next(first: number, count: number, rectified: boolean): Tensor {
    const images = this.#shape[0]!;
    const one = first % this.images === 0 && count === Math.min(this.images, images - first);
    if (!one) return this.#range(first, count, rectified);
    const next = this.#ahead[0];
    if (next?.first === first && next.rectified === rectified) return this.#ahead.shift()!.x;
    // An earlier image is decoded again; any other request belongs to a new pass.
    if (next && first < next.first) return this.#range(first, count, rectified);
    this.#forget();
    const threads = this.#engine.trial ? 1 : (this.#engine.team?.size ?? 1);
    const alone = threads === 1 && !this.#cache?.x;
    try {
      this.#ahead.push(...this.#decode(first, threads, rectified));
    } catch (error) {
      if (!(error instanceof MemoryError) || alone) throw error;
      this.#ahead.push(...this.#decode(first, 1, rectified));
    }
    return this.#ahead.shift()!.x;
  }

  #startCache(withSigns = false): void {
    this.#cache?.drop();
    // The cache gets what is decoded from now on.
    this.#forget();
    this.#cache = ValueCache.start(this.#engine, this.#shape, this.#site, { withSigns });
  }

  /** Decodes all images at once. */
  #fillCache(): void {
    const cache = this.#cache!;
    cache.hold(this.#codec.workspaceBytes);
    if (cache.x === null) return;
    try {
      this.#codec.decode(
        this.blocks.map((frame, i) => ({ frame, out: cache.addressOf(this.images * i), rectified: false })),
      );
      cache.filled();
      cache.release();
    } catch (error) {
      cache.drop();
      if (!(error instanceof MemoryError)) throw error;
    }
  }

  /** Decodes `count` frames from that of image `first` on, each into a tensor of its own. */
  #decode(first: number, count: number, rectified: boolean): Decoded[] {
    const images = this.#shape[0]!;
    const made: Decoded[] = [];
    try {
      for (let start = first; start < images && made.length < count; start += this.images) {
        const shape = [Math.min(this.images, images - start), ...this.#shape.slice(1)];
        // Parts come and go, and the tensors that are made of them should not lie between.
        const x = Tensor.empty(this.#engine, shape, this.#site, "activations", "high");
        made.push({ first: start, rectified, x });
      }
      this.#cache?.hold(this.#codec.workspaceBytes);
      const coded = made.map((decoded) => this.#coded(decoded));
      this.#codec.decode(coded);
      for (const [i, { first: start, x }] of made.entries()) {
        if (coded[i]!.positive !== undefined) this.#cache?.noteSigns(start, x);
      }
      this.#cache?.release();
      return made;
    } catch (error) {
      // The cache may lack values that it counts as known.
      this.#cache?.drop();
      for (const { x } of made) x.dispose();
      throw error;
    }
  }

  /** Where the values of one frame go: rectified ones to x; the values themselves to the cache, if it needs these next. */
  #coded({ first, rectified, x }: Decoded): Coded {
    const frame = this.blocks[first / this.images]!;
    const out = x.data.byteOffset;
    const cache = this.#cache;
    if (!rectified || !cache?.x || cache.known !== first) return { frame, out, rectified };
    cache.known += x.shape[0]!;
    return { frame, out: cache.addressOf(first), rectified: false, positive: out };
  }

  #forget(): void {
    for (const { x } of this.#ahead.splice(0)) x.dispose();
  }

  #range(first: number, count: number, rectified: boolean): Tensor {
    const [images, ...image] = this.#shape as [number, ...number[]];
    const x = Tensor.empty(this.#engine, [count, ...image], this.#site);
    const size = x.size / count;
    const coded: Coded[] = [];
    /** Frames of which only some images are wanted, and the copy of these into x. */
    const cut: { part: Tensor; keep: () => void }[] = [];
    for (let start = first - (first % this.images); start < first + count; start += this.images) {
      const length = Math.min(this.images, images - start);
      const [from, to] = [Math.max(start, first), Math.min(start + length, first + count)];
      let values = x.data.subarray(size * (from - first), size * (to - first));
      if (to - from < length) {
        const part = Tensor.empty(this.#engine, [length, ...image], this.#site);
        const [kept, wanted] = [values, part.data.subarray(size * (from - start), size * (to - start))];
        cut.push({ part, keep: () => kept.set(wanted) });
        values = part.data;
      }
      coded.push({ frame: this.blocks[start / this.images]!, out: values.byteOffset, rectified });
    }
    try {
      this.#codec.decode(coded);
      for (const { keep } of cut) keep();
    } catch (error) {
      x.dispose();
      throw error;
    } finally {
      for (const { part } of cut) part.dispose();
    }
    return x;
  }

  free(): void {
    this.#mask?.free();
    this.#cache?.drop();
    this.#forget();
    for (const frame of this.blocks) this.#engine.device.free(frame);
  }
}
