/**
 * AC-GC's fixed-point numbers (kernels/fixed-point.ts) in one block of the device. Channel c has b_c bits and the scale
 * 1/(max|x| + 10^−6):
 *
 *   | scales, a float32 each | where each image begins, and the end | bits, a byte each | image 0 | image 1 | …
 *
 * A dense code needs b + 1 bits. The repository counts b.
 */
import type { Block } from "../device/device.js";
import { imagesAtOnce, type Packed } from "../engine/packed.js";
import { type Machine, Tensor } from "../engine/tensor.js";
import type { ChannelShape } from "../kernels/channel.js";
import { codeBits, type FixedForm } from "../kernels/fixed-point.js";
import { channelsOf } from "./level-frame.js";

const { fround } = Math;

/** 2^b for 1 ≤ b ≤ 16. */
const power = (bits: number): number => 2 ** bits;

export interface FixedPoint {
  /** max|x| of each channel. */
  readonly largest: readonly number[];
  /** b of each channel: 2 to 16. */
  readonly bits: readonly number[];
  readonly signed: boolean;
  /** Whether zeros are kept as a mask. */
  readonly sparse: boolean;
}

export const scaleOf = (largest: number): number => fround(1 / fround(largest + fround(1e-6)));

/** b for a channel: the step 2^−b/scale is about the allowed error, at least 2 bits and at most 16. */
export function bitsFor(allowed: number, scale: number): number {
  const error = 2 * scale * Math.sqrt(allowed);
  let fraction = 1;
  while (fraction < 15 && error <= 1 / power(fraction + 1)) fraction++;
  return fraction + 1;
}

export class FixedPointFrame implements Packed {
  readonly kind = "frame";
  readonly bytes: number;
  readonly images: number;
  /** The bits that the method's repository counts for the same codes. */
  readonly countedBits: number;
  readonly #engine: Machine;
  readonly #shape: readonly number[];
  readonly #block: Block;
  readonly #form: FixedForm;

  constructor(x: Tensor, site: string, { largest, bits, signed, sparse }: FixedPoint) {
    const { device, kernels } = x.engine;
    this.#engine = x.engine;
    this.#shape = x.shape;
    this.#form = { signed, sparse };
    this.images = imagesAtOnce(x.shape);
    const channels = channelsOf(x.shape);
    const { C } = channels;
    const head = device.allocate(5 * C, "workspace", site);
    const scales = device.f32(head).subarray(0, C);
    scales.set(largest.map(scaleOf));
    const widths = device.u8(head).subarray(4 * C);
    widths.set(bits);
    try {
      const kept = sparse ? this.#kept(x, scales, widths) : null;
      const { starts, counted } = layoutOf(channels, bits, this.#form, kept);
      this.countedBits = counted;
      this.bytes = 5 * C + starts.byteLength + starts.at(-1)!;
      this.#block = device.allocate(this.bytes, "saved", site, "high");
      const views = this.#views();
      views.scales.set(scales);
      views.bits.set(widths);
      views.starts.set(new Uint8Array(starts.buffer));
      kernels.packFixed(views.codes, x.data, views.scales, views.bits, views.starts, channels, this.#form);
    } finally {
      device.free(head);
    }
  }

  /** The number of codes that are not 0 in each plane. */
  #kept(x: Tensor, scales: Float32Array, bits: Uint8Array): Uint32Array {
    const { device, kernels } = this.#engine;
    const channels = channelsOf(x.shape);
    const counts = device.allocate(4 * channels.N * channels.C, "workspace", "fixedCounts");
    try {
      kernels.fixedCounts(device.u8(counts), x.data, scales, bits, channels, this.#form.signed);
      const kept = new Uint32Array(channels.N * channels.C);
      new Uint8Array(kept.buffer).set(device.u8(counts));
      return kept;
    } finally {
      device.free(counts);
    }
  }

  #views() {
    const { N, C } = channelsOf(this.#shape);
    const bytes = this.#engine.device.u8(this.#block);
    const [starts, bits, codes] = [4 * C, 4 * (C + N + 1), 4 * (C + N + 1) + C];
    return {
      scales: new Float32Array(bytes.buffer, bytes.byteOffset, C),
      starts: bytes.subarray(starts, bits),
      bits: bytes.subarray(bits, codes),
      codes: bytes.subarray(codes),
    };
  }

  range(first: number, count: number): Tensor {
    const x = Tensor.empty(this.#engine, [count, ...this.#shape.slice(1)], this.#block.site);
    const { scales, starts, bits, codes } = this.#views();
    const own = starts.subarray(4 * first, 4 * (first + count + 1));
    const channels = { ...channelsOf(this.#shape), N: count };
    this.#engine.kernels.unpackFixed(x.data, codes, scales, bits, own, channels, this.#form);
    return x;
  }

  free(): void {
    this.#engine.device.free(this.#block);
  }
}

/** Where each image begins, and the bits that the repository counts. `kept`: null where zeros are not apart. */
function layoutOf(
  { N, C, size }: ChannelShape,
  bits: readonly number[],
  form: FixedForm,
  kept: Uint32Array | null,
): { starts: Uint32Array; counted: number } {
  const starts = new Uint32Array(N + 1);
  let counted = 0;
  for (let n = 0; n < N; n++) {
    let length = kept ? C * size : 0;
    counted += length;
    for (let c = 0; c < C; c++) {
      const codes = kept ? kept[n * C + c]! : size;
      length += codes * codeBits(bits[c]!, form);
      counted += codes * bits[c]!;
    }
    starts[n + 1] = starts[n]! + Math.ceil(length / 8);
  }
  return { starts, counted };
}
