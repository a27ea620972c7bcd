/**
 * A tensor under an error bound: a frame for every so many images, so that they can be looked at one by one.
 *
 * Values below zero may have a looser bound. For that, or where a ReLU's mask is to follow from the frames, the integers
 * tell each value's sign; the values themselves keep their errors, and a small one may come back on the other side of
 * zero: to turn it round would bend the mean. proofs: Quantize.signed_sign
 */
import type { Block } from "../device/device.js";
import type { Category } from "../device/ledger.js";
import { imagesAtOnce, type Packed } from "../engine/saved.js";
import { Tensor } from "../engine/tensor.js";
import { MemoryError } from "../error.js";
import { Kept } from "./decode-cache.js";
import { errorVariance } from "./law.js";
import type { Mask } from "./mask.js";
import type { Coded, Coding, DeviceCodec, Uncoded } from "./store.js";

/** How many times looser the bound below zero is, where it may be so many: a power of two. */
export function looseness(ratio: number): number {
  let times = 1;
  while (2 * times <= ratio && times < 2 ** 16) times *= 2;
  return times;
}

interface FramesOptions {
  /** Whether every sign must come back. */
  masked: boolean;
  category?: Category;
}

/** The decoded images of one frame. */
interface Ready {
  first: number;
  rectified: boolean;
  x: Tensor;
}

export class Frames implements Packed {
  readonly bytes: number;
  readonly variance: number;
  /** Images in each frame; the last may have fewer. */
  readonly images: number;
  /** How many times as far values below zero may be off. */
  readonly slack: number;
  readonly #codec: DeviceCodec;
  readonly #engine: Tensor["engine"];
  readonly #shape: readonly number[];
  readonly #site: string;
  readonly #frames: readonly Block[];
  #mask: Mask | null = null;
  /** Decoded, but not yet asked for. */
  readonly #ready: Ready[] = [];
  #kept: Kept | null = null;
  /** By the signs, not by the values. */
  readonly rectified?: (first: number, count: number, valuesNext?: boolean) => Tensor;

  constructor(
    codec: DeviceCodec,
    x: Tensor,
    site: string,
    { below, ...coding }: Coding,
    { masked, category = "saved" }: FramesOptions,
  ) {
    this.#codec = codec;
    this.#engine = x.engine;
    this.#shape = x.shape;
    this.#site = site;
    this.variance = errorVariance(coding.bound);
    this.images = imagesAtOnce(x.shape);
    this.slack = looseness(below / coding.bound);
    const signed = masked || this.slack > 1;
    const quantizer = signed && coding.quantizer === "dithered" ? ("signed" as const) : coding.quantizer;
    if (quantizer === "signed" || quantizer === "support") {
      this.rectified = (first, count, valuesNext = false) => {
        if (valuesNext && first === 0) this.#keepNext();
        return this.#give(first, count, true);
      };
    }
    const negativeBound = this.slack * coding.bound;
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
    // The images of a batch are alike: what suits the first part suits all.
    const choice = codec.choose(parts[0]!);
    const chosen = parts.map((part) => ({ ...part, options: { ...part.options, choice } }));
    this.#frames = codec.encode(chosen, category, site);
    this.bytes = this.#frames.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** From now on these frames are what is saved; `mask`: what gates in place of the values. */
  keep(mask: Mask | null): void {
    this.#mask = mask;
    for (const frame of this.#frames) this.#engine.device.recategorise(frame, "saved");
  }

  gate(dy: Tensor): Tensor | null {
    return this.#mask?.gate(dy) ?? null;
  }

  range(first: number, count: number, more = false): Tensor {
    const whole = count === this.#shape[0];
    if (more && first === 0 && !this.#kept?.whole) this.#keepNext();
    if (whole && this.#kept?.x && this.#kept.known === 0) this.#decodeKept();
    if (whole && this.#kept?.whole) return more ? this.#kept.x!.ref : this.#kept.take();
    if (this.#kept?.whole) {
      const x = Tensor.empty(this.#engine, [count, ...this.#shape.slice(1)], this.#site);
      // Room for x may have been made at its cost.
      if (this.#kept.whole) {
        this.#kept.copy(x, first);
        return x;
      }
      x.dispose();
    }
    const x = this.#give(first, count, false);
    this.#kept?.note(first, x);
    return x;
  }

  /**
   * Who asks for one frame's images goes on to the next one's: as many frames as there are threads are decoded side by
   * side, and wait.
   */
  #give(first: number, count: number, rectified: boolean): Tensor {
    const images = this.#shape[0]!;
    const one = first % this.images === 0 && count === Math.min(this.images, images - first);
    if (!one) return this.#range(first, count, rectified);
    const next = this.#ready[0];
    if (next?.first === first && next.rectified === rectified) return this.#ready.shift()!.x;
    // What was given before is decoded once more; anything else is another pass.
    if (next && first < next.first) return this.#range(first, count, rectified);
    this.#forget();
    const threads = this.#engine.team?.size ?? 1;
    const alone = threads === 1 && !this.#kept?.x;
    try {
      this.#ready.push(...this.#ahead(first, threads, rectified));
    } catch (error) {
      if (!(error instanceof MemoryError) || alone) throw error;
      this.#ready.push(...this.#ahead(first, 1, rectified));
    }
    return this.#ready.shift()!.x;
  }

  #keepNext(): void {
    this.#kept = Kept.start(this.#engine, this.#shape, this.#site);
  }

  /** All images at once. */
  #decodeKept(): void {
    const kept = this.#kept!;
    kept.hold(this.#codec.workspaceBytes);
    if (kept.x === null) return;
    try {
      this.#codec.decode(
        this.#frames.map((frame, i) => ({ frame, out: kept.addressOf(this.images * i), rectified: false })),
      );
      kept.known = this.#shape[0]!;
      kept.release();
    } catch (error) {
      kept.drop();
      if (!(error instanceof MemoryError)) throw error;
    }
  }

  /** The images of so many frames from that of image `first` on, each on its own. */
  #ahead(first: number, count: number, rectified: boolean): Ready[] {
    const images = this.#shape[0]!;
    const made: Ready[] = [];
    try {
      for (let start = first; start < images && made.length < count; start += this.images) {
        const shape = [Math.min(this.images, images - start), ...this.#shape.slice(1)];
        made.push({ first: start, rectified, x: Tensor.empty(this.#engine, shape, this.#site) });
      }
      this.#kept?.hold(this.#codec.workspaceBytes);
      this.#codec.decode(made.map((ready) => this.#coded(ready)));
      this.#kept?.release();
      return made;
    } catch (error) {
      // It may lack values that it says it has.
      this.#kept?.drop();
      for (const { x } of made) x.dispose();
      throw error;
    }
  }

  /** Where one frame's values go: rectified ones to who asks, and the others to what is kept, if they are next there. */
  #coded({ first, rectified, x }: Ready): Coded {
    const frame = this.#frames[first / this.images]!;
    const out = x.data.byteOffset;
    const kept = this.#kept;
    if (!rectified || !kept?.x || kept.known !== first) return { frame, out, rectified };
    kept.known += x.shape[0]!;
    return { frame, out: kept.addressOf(first), rectified: false, positive: out };
  }

  #forget(): void {
    for (const { x } of this.#ready.splice(0)) x.dispose();
  }

  #range(first: number, count: number, rectified: boolean): Tensor {
    const [images, ...image] = this.#shape as [number, ...number[]];
    const x = Tensor.empty(this.#engine, [count, ...image], this.#site);
    const size = x.size / count;
    const coded: Coded[] = [];
    /** Parts of which only some images are asked for, and what takes those to x. */
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
      coded.push({ frame: this.#frames[start / this.images]!, out: values.byteOffset, rectified });
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
    this.#kept?.drop();
    this.#forget();
    for (const frame of this.#frames) this.#engine.device.free(frame);
  }
}
