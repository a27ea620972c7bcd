/**
 * A tensor under an error bound: a frame for every so many images, so that they can be looked at one by one.
 *
 * Values below zero may have a looser bound. For that, or where a ReLU's mask is to follow from the frames, the integers
 * tell each value's sign; the values themselves keep their errors, and a small one may come back on the other side of
 * zero: to turn it round would bend the mean. proofs: Quantize.signed_sign
 */
import type { Choice } from "../codec/dense.js";
import type { Block } from "../device/device.js";
import type { Category } from "../device/ledger.js";
import { imagesAtOnce, type Packed } from "../saved.js";
import { Tensor } from "../tensor.js";
import { errorVariance } from "./law.js";
import type { Mask } from "./mask.js";
import type { Coding, DeviceCodec } from "./store.js";

/** How many times looser the bound below zero is, where it may be so many: a power of two. */
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
  category?: Category;
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
  readonly #frames: Block[] = [];
  readonly #mask: Mask | null;
  readonly gate?: (dy: Tensor) => Tensor;
  /** By the signs, not by the values. */
  readonly rectified?: (first: number, count: number) => Tensor;

  constructor(
    codec: DeviceCodec,
    x: Tensor,
    site: string,
    { below, ...coding }: Coding,
    { masked, mask, category = "saved" }: FrameOptions,
  ) {
    this.#codec = codec;
    this.#engine = x.engine;
    this.#shape = x.shape;
    this.#site = site;
    this.#mask = mask;
    if (mask) this.gate = (dy) => mask.gate(dy);
    this.variance = errorVariance(coding.bound);
    this.images = imagesAtOnce(x.shape);
    this.slack = looseness(below / coding.bound);
    const signed = masked || this.slack > 1;
    const quantizer = signed && coding.quantizer === "dithered" ? ("signed" as const) : coding.quantizer;
    if (quantizer === "signed" || quantizer === "support") {
      this.rectified = (first, count) => this.#range(first, count, true);
    }
    const negativeBound = this.slack * coding.bound;
    const options = { ...coding, quantizer, ...(signed ? { negativeBound } : {}) };
    const [images, ...image] = x.shape as [number, ...number[]];
    const size = x.size / images;
    // The images of a batch are alike: what suits the first frame suits all.
    let choice: Choice | null | undefined;
    for (let first = 0; first < images; first += this.images) {
      const count = Math.min(this.images, images - first);
      const shape = [count, ...image];
      const seed = (coding.seed + Math.imul(first, 0x9e3779b9)) >>> 0;
      const address = x.data.byteOffset + 4 * size * first;
      const frame = codec.with((frames) => {
        if (choice === undefined) choice = frames.chooseAt(address, size * count, shape, options);
        const chosen = { ...options, seed, choice };
        return x.engine.device.fill(category, site, 4 * size * count, (out, capacity) =>
          frames.encodeAt(address, size * count, shape, chosen, out, capacity),
        );
      });
      this.#frames.push(frame);
    }
    this.bytes = this.#frames.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  range(first: number, count: number): Tensor {
    return this.#range(first, count, false);
  }

  #range(first: number, count: number, rectified: boolean): Tensor {
    const [images, ...image] = this.#shape as [number, ...number[]];
    const x = Tensor.empty(this.#engine, [count, ...image], this.#site);
    const size = x.size / count;
    for (let start = first - (first % this.images); start < first + count; start += this.images) {
      const frame = this.#frames[start / this.images]!;
      const length = Math.min(this.images, images - start);
      const decode = (to: Float32Array) =>
        this.#codec.with((frames) => frames.decodeAt(frame.address, frame.bytes, to.byteOffset, rectified));
      const [from, to] = [Math.max(start, first), Math.min(start + length, first + count)];
      if (to - from === length) decode(x.data.subarray(size * (from - first)));
      else {
        const part = Tensor.empty(this.#engine, [length, ...image], this.#site);
        decode(part.data);
        x.data.set(part.data.subarray(size * (from - start), size * (to - start)), size * (from - first));
        part.dispose();
      }
    }
    return x;
  }

  free(): void {
    this.#mask?.free();
    for (const frame of this.#frames) this.#engine.device.free(frame);
  }
}
