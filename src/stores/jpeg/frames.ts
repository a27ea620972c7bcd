/**
 * A tensor as JPEG-ACT keeps it: one scale for each channel, and a frame for every few images.
 *
 *   scales   | a_0 | a_1 | … |                    float32, a_c = 4.5/(max|x_c| + 10⁻⁵)
 *   frame    | head | 8-bit integers, coded |     for each few images
 *
 *   head     bits 0–1 the coding   bit 2 the integers are coefficients   bit 3 no value was below zero
 *
 * Since a_c is 4.5/4 times as large as full use of the range allows, values beyond 127/144 of a channel's maximum are
 * clipped. No bound holds for the error of a single value.
 */
import type { Block } from "../../device/device.js";
import { imagesAtOnce, type Packed } from "../../engine/packed.js";
import { type Machine, Tensor } from "../../engine/tensor.js";
import type { ChannelShape } from "../../kernels/channel.js";
import { blocksOf, type PictureShape } from "../../kernels/jpeg.js";
import { type Coding, codingNamed, codings } from "./coding.js";

const { fround } = Math;

/** How a tensor is packed. */
export interface Method {
  /** The table by which coefficients are divided; null for a tensor that stays untransformed. */
  readonly table: readonly number[] | null;
  /** The coding of coefficients. Integers that are not transformed are coded by zero-value coding where that pays. */
  readonly coding: Coding["name"];
}

/** The scale of a channel whose largest magnitude is `most`. */
export const scaleOf = (most: number): number => fround(4.5 / fround(most + fround(1e-5)));

/** The channels of a tensor. A tensor without rows and columns counts as one channel. */
export function channelsOf([images = 1, ...image]: readonly number[]): ChannelShape {
  const size = image.reduce((product, extent) => product * extent, 1);
  const C = image.length > 1 ? image[0]! : 1;
  return { N: images, C, size: size / C };
}

const transformed = 4;
const nonNegative = 8;

export class JpegFrames implements Packed {
  readonly kind = "frame";
  readonly bytes: number;
  readonly images: number;
  readonly #engine: Machine;
  readonly #shape: readonly number[];
  readonly #site: string;
  readonly #table: readonly number[] | null;
  readonly #scales: Block;
  readonly blocks: Block[] = [];

  /** Packs x, which is borrowed. Null if a value is not finite, since such a channel has no scale. */
  static pack(x: Tensor, site: string, method: Method): JpegFrames | null {
    const { device, kernels } = x.engine;
    const { C } = channelsOf(x.shape);
    const extremes = device.allocate(8 * C, "workspace", site);
    const both = device.f32(extremes);
    const [least, greatest] = [both.subarray(0, C), both.subarray(C)];
    kernels.channelExtremes(least, greatest, x.data, channelsOf(x.shape));
    const magnitudes = greatest.map((most, c) => Math.max(-least[c]!, most));
    const positive = least.every((value) => value >= 0);
    device.free(extremes);
    if (!magnitudes.every(Number.isFinite)) return null;
    return new JpegFrames(x, site, method, magnitudes, positive);
  }

  private constructor(
    x: Tensor,
    site: string,
    { table, coding }: Method,
    magnitudes: Float32Array,
    positive: boolean,
  ) {
    const { device } = x.engine;
    this.#engine = x.engine;
    this.#shape = x.shape;
    this.#site = site;
    this.#table = table;
    this.images = imagesAtOnce(x.shape);
    this.#scales = device.allocate(4 * magnitudes.length, "saved", site, "high");
    device.f32(this.#scales).set(magnitudes.map(scaleOf));
    const head = (table ? transformed : 0) + (positive ? nonNegative : 0);
    try {
      this.#encode(x, head, codingNamed(table ? coding : "zvc"));
    } catch (error) {
      this.free();
      throw error;
    }
    this.bytes = this.blocks.reduce((sum, { bytes }) => sum + bytes, this.#scales.bytes);
  }

  #encode(x: Tensor, head: number, coding: Coding): void {
    const { device, kernels } = this.#engine;
    const scales = device.f32(this.#scales);
    const [images, ...image] = this.#shape as [number, ...number[]];
    const size = x.size / images;
    for (let first = 0; first < images; first += this.images) {
      const count = Math.min(this.images, images - first);
      const part = x.data.subarray(first * size, (first + count) * size);
      const integers = device.allocate(this.#integers(count), "workspace", this.#site);
      try {
        const q = device.u8(integers);
        if (this.#table) kernels.dctForward(q, part, scales, this.#table, this.#picture(count));
        else kernels.quantizeChannels(q, part, scales, channelsOf([count, ...image]));
        this.blocks.push(this.#code(q, head, coding));
      } finally {
        device.free(integers);
      }
    }
  }

  /** A frame of q, by `coding` or, where that is longer, as it is. */
  #code(q: Uint8Array, head: number, coding: Coding): Block {
    const { device } = this.#engine;
    return coding.measure(this.#engine, this.#site, q, (bytes, write) => {
      const [length, kind] = bytes < q.length ? [bytes, codings.indexOf(coding)] : [q.length, 0];
      const frame = device.allocate(1 + length, "saved", this.#site, "high");
      const to = device.u8(frame);
      to[0] = head + kind;
      if (kind === 0) to.set(q, 1);
      else write(to.subarray(1));
      return frame;
    });
  }

  /** The number of integers of `count` images. */
  #integers(count: number): number {
    if (this.#table) return blocksOf(this.#picture(count)).values;
    const { C, size } = channelsOf(this.#shape);
    return count * C * size;
  }

  #picture(count: number): PictureShape {
    const [, C, H, W] = this.#shape as [number, number, number, number];
    return { N: count, C, H, W };
  }

  range(first: number, count: number): Tensor {
    const [images, ...image] = this.#shape as [number, ...number[]];
    const x = Tensor.empty(this.#engine, [count, ...image], this.#site);
    const size = x.size / count;
    try {
      for (let start = first - (first % this.images); start < first + count; start += this.images) {
        const length = Math.min(this.images, images - start);
        const [from, to] = [Math.max(start, first), Math.min(start + length, first + count)];
        const wanted = x.data.subarray(size * (from - first), size * (to - first));
        if (to - from === length) this.#decode(start / this.images, length, wanted);
        else {
          const part = Tensor.empty(this.#engine, [length, ...image], this.#site);
          try {
            this.#decode(start / this.images, length, part.data);
            wanted.set(part.data.subarray(size * (from - start), size * (to - start)));
          } finally {
            part.dispose();
          }
        }
      }
    } catch (error) {
      x.dispose();
      throw error;
    }
    return x;
  }

  /** Decodes a frame of `count` images to x. */
  #decode(index: number, count: number, x: Float32Array): void {
    const { device, kernels } = this.#engine;
    const [, ...image] = this.#shape;
    const scales = device.f32(this.#scales);
    const frame = device.u8(this.blocks[index]!);
    const [head, coded] = [frame[0]!, frame.subarray(1)];
    const integers = device.allocate(this.#integers(count), "workspace", this.#site);
    try {
      const q = device.u8(integers);
      codings[head & 3]!.decode(this.#engine, this.#site, q, coded);
      if (head & transformed) {
        const rectify = (head & nonNegative) !== 0;
        kernels.dctInverse(x, q, scales, this.#table!, this.#picture(count), rectify);
      } else kernels.dequantizeChannels(x, q, scales, channelsOf([count, ...image]));
    } finally {
      device.free(integers);
    }
  }

  free(): void {
    for (const frame of this.blocks.splice(0)) this.#engine.device.free(frame);
    this.#engine.device.free(this.#scales);
  }
}
