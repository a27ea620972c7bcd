/**
 * A tensor under an error bound: a frame for every so many images, so that they can be looked at one by one.
 *
 * Values below zero may have a looser bound: they are multiplied by a power of two before they are coded, and divided by
 * it after. For that, or where a ReLU's mask is to follow from the frames, it must be known which values these are. One
 * that comes back further from zero than the bound has its original's sign; for each of the others, in their order, one
 * bit beside the frame tells it. The values themselves keep their errors: to turn their signs right would bend the mean.
 * proofs: Gradient.sign_known
 */
import type { Choice } from "../codec/dense.js";
import type { Block } from "../device/device.js";
import type { Category } from "../device/ledger.js";
import { imagesAtOnce, type Packed } from "../saved.js";
import { Tensor } from "../tensor.js";
import { errorVariance } from "./law.js";
import type { Mask } from "./mask.js";
import type { Coding, DeviceCodec } from "./store.js";

interface Part {
  frame: Block;
  signs: Block | null;
}

/** How many times looser the bound below zero is, where it may be so many: a power of two, so that nothing is rounded. */
export function looseness(ratio: number): number {
  let times = 1;
  while (2 * times <= ratio && times < 2 ** 16) times *= 2;
  return times;
}

interface FrameOptions {
  /** Whether every sign must come back. */
  masked: boolean;
  /** What gates in place of the values. */
  mask: Mask | null;
  /** Of all frames of a store. */
  ahead: Ahead;
  category?: Category;
}

/** The frames that are decoded ahead: those of one tensor at most. */
export interface Ahead {
  of: Frames | null;
}

export class Frames implements Packed {
  readonly bytes: number;
  readonly variance: number;
  /** Images in each part; the last may have fewer. */
  readonly images: number;
  /** What values below zero are multiplied by before they are coded: their bound is the others' divided by it. */
  readonly slope: number;
  readonly #codec: DeviceCodec;
  readonly #engine: Tensor["engine"];
  readonly #shape: readonly number[];
  readonly #site: string;
  readonly #bound: number;
  readonly #parts: Part[] = [];
  readonly #mask: Mask | null;
  readonly #ahead: Ahead;
  /** All values as the frames give them, if these are decoded ahead. */
  #decoded: Tensor | null = null;
  readonly #category: Category;
  readonly gate?: (dy: Tensor) => Tensor;

  constructor(
    codec: DeviceCodec,
    x: Tensor,
    site: string,
    coding: Coding,
    { masked, mask, ahead, category = "saved" }: FrameOptions,
  ) {
    this.#ahead = ahead;
    this.#codec = codec;
    this.#engine = x.engine;
    this.#shape = x.shape;
    this.#site = site;
    this.#mask = mask;
    if (mask) this.gate = (dy) => mask.gate(dy);
    this.#bound = Math.fround(coding.bound);
    this.variance = errorVariance(coding.bound);
    this.images = imagesAtOnce(x.shape);
    const [images, ...image] = x.shape as [number, ...number[]];
    const size = x.size / images;
    // Nothing overflows on the way back.
    const loosest = x.engine.kernels.maxAbs(x.data) < 2 ** 100 ? coding.below / coding.bound : 1;
    this.slope = 1 / looseness(loosest);
    this.#category = category;
    // `support` keeps signs by itself.
    const signed = (masked || this.slope < 1) && coding.quantizer === "dithered";
    // The images of a batch are alike: what suits the first part suits all.
    const shared: { choice?: Choice | null } = {};
    for (let first = 0; first < images; first += this.images) {
      const count = Math.min(this.images, images - first);
      const part = x.data.subarray(size * first, size * (first + count));
      const own = { ...coding, seed: (coding.seed + Math.imul(first, 0x9e3779b9)) >>> 0 };
      this.#parts.push(this.#encode(part, [count, ...image], own, signed, shared));
    }
    this.bytes = this.#parts.reduce((sum, { frame, signs }) => sum + frame.bytes + (signs?.bytes ?? 0), 0);
  }

  #encode(
    x: Float32Array,
    shape: readonly number[],
    coding: Coding,
    signed: boolean,
    shared: { choice?: Choice | null },
  ): Part {
    const { device, kernels } = this.#engine;
    const bent = this.slope < 1 ? Tensor.empty(this.#engine, shape, this.#site) : null;
    if (bent) kernels.leaky(bent.data, x, this.slope);
    const from = bent?.data ?? x;
    const frame = this.#codec.with((frames) => {
      const { choice = frames.chooseAt(from.byteOffset, x.length, shape, coding) } = shared;
      shared.choice = choice;
      const options = { ...coding, choice };
      return device.fill(this.#category, this.#site, x.byteLength, (out, capacity) =>
        frames.encodeAt(from.byteOffset, x.length, shape, options, out, capacity),
      );
    });
    bent?.dispose();
    return { frame, signs: signed ? this.#signsOf(frame, x, shape) : null };
  }

  #signsOf(frame: Block, original: Float32Array, shape: readonly number[]): Block {
    const { device, kernels } = this.#engine;
    const decoded = Tensor.empty(this.#engine, shape, this.#site);
    this.#codec.with((frames) => frames.decodeAt(frame.address, frame.bytes, decoded.storage.block.address));
    const room = device.allocate(Math.ceil(original.length / 8), "workspace", this.#site);
    const bits = kernels.packSigns(device.u8(room), original, decoded.data, this.#bound);
    const signs = device.allocate(Math.ceil(bits / 8), this.#category, this.#site, "high");
    device.u8(signs).set(device.u8(room).subarray(0, signs.bytes));
    device.free(room);
    decoded.dispose();
    return signs;
  }

  range(first: number, count: number): Tensor {
    return this.#range(first, count, 1 / this.slope);
  }

  /** By the signs, not by the values: a small value above zero may come back below it. */
  rectified(first: number, count: number): Tensor {
    return this.#range(first, count, 0);
  }

  anticipate(): void {
    this.#ahead.of?.forget();
    this.#ahead.of = this;
    this.#decoded = Tensor.empty(this.#engine, this.#shape, this.#site);
    const size = this.#decoded.size / this.#shape[0]!;
    this.#parts.forEach((_, i) => {
      this.#decode(i, this.#decoded!.data.subarray(size * this.images * i));
    });
  }

  forget(): void {
    if (this.#ahead.of === this) this.#ahead.of = null;
    this.#decoded?.dispose();
    this.#decoded = null;
  }

  #decode(part: number, to: Float32Array): void {
    const { frame } = this.#parts[part]!;
    this.#codec.with((frames) => frames.decodeAt(frame.address, frame.bytes, to.byteOffset));
  }

  /** What is below zero is multiplied by `factor`. */
  #range(first: number, count: number, factor: number): Tensor {
    const { device, kernels } = this.#engine;
    const [images, ...image] = this.#shape as [number, ...number[]];
    if (this.#ahead.of !== this) this.#ahead.of?.forget();
    const decoded = this.#decoded;
    const all = decoded !== null && count === images;
    const x = all ? decoded.ref : Tensor.empty(this.#engine, [count, ...image], this.#site);
    const size = x.size / count;
    for (let start = first - (first % this.images); start < first + count; start += this.images) {
      const i = start / this.images;
      const length = Math.min(this.images, images - start);
      const whole = start >= first && start + length <= first + count;
      const part = whole ? null : Tensor.empty(this.#engine, [length, ...image], this.#site);
      const values = part?.data ?? x.data.subarray(size * (start - first), size * (start - first + length));
      if (decoded === null) this.#decode(i, values);
      else if (!all) values.set(decoded.data.subarray(size * start, size * (start + length)));
      const { signs } = this.#parts[i]!;
      if (signs) kernels.applySigns(values, device.u8(signs), this.#bound, factor);
      else if (factor !== 1) kernels.leaky(values, values, factor);
      if (part) {
        const [from, to] = [Math.max(start, first), Math.min(start + length, first + count)];
        x.data.set(values.subarray(size * (from - start), size * (to - start)), size * (from - first));
        part.dispose();
      }
    }
    if (all) this.forget();
    return x;
  }

  free(): void {
    this.forget();
    this.#mask?.free();
    for (const { frame, signs } of this.#parts) {
      this.#engine.device.free(frame);
      if (signs) this.#engine.device.free(signs);
    }
  }
}
