/**
 * AC-GC's fixed-point numbers, in one block of the device. Channel c has b_c bits and the scale 1/(max|x| + 10^−6):
 *
 *   code = nearest(x·scale·2^b), in [−2^b, 2^b − 1] if the tensor has values below 0, else in [0, 2^b]
 *
 *   | scales, a float32 each | bits, a byte each | where each image begins | image 0 | image 1 | …
 *
 * Both sets of codes need b + 1 bits. The repository counts b. With zeros apart, an image begins with a mask of one bit a
 * value, and only the codes that are not 0 follow: in b bits if there are no signs, else in b + 1.
 */
import type { Block } from "../device/device.js";
import { imagesAtOnce, type Packed } from "../engine/packed.js";
import { type Machine, Tensor } from "../engine/tensor.js";
import { BitReader, BitWriter } from "./bit-stream.js";
import { channelsOf } from "./level-frame.js";

const { fround } = Math;

/** 2^b for 1 ≤ b ≤ 16. */
const power = (bits: number): number => 2 ** bits;

/** Half to even. */
const nearest = (x: number): number => fround(fround(x + 12582912) - 12582912);

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
  readonly #signed: boolean;
  readonly #sparse: boolean;

  constructor(x: Tensor, site: string, { largest, bits, signed, sparse }: FixedPoint) {
    this.#engine = x.engine;
    this.#shape = x.shape;
    this.#signed = signed;
    this.#sparse = sparse;
    this.images = imagesAtOnce(x.shape);
    const { N, C, size } = channelsOf(x.shape);
    const values = x.data;
    const head = 5 * C + 4 * (N + 1);
    // No code takes more than 17 bits, and a mask one.
    const writer = new BitWriter(head + Math.ceil((18 * x.size) / 8) + N);
    const starts = new Uint32Array(N + 1);
    let counted = 0;
    for (let n = 0; n < N; n++) {
      starts[n] = writer.bytes;
      const image = values.subarray(n * C * size, (n + 1) * C * size);
      const codes = Int32Array.from(image, (value, i) => {
        const c = Math.floor(i / size);
        const scaled = fround(fround(value * scaleOf(largest[c]!)) * power(bits[c]!));
        const most = signed ? power(bits[c]!) - 1 : power(bits[c]!);
        return nearest(Math.max(signed ? -power(bits[c]!) : 0, Math.min(scaled, most)));
      });
      if (sparse) for (const code of codes) writer.write(code === 0 ? 0 : 1, 1);
      codes.forEach((code, i) => {
        const b = bits[Math.floor(i / size)]!;
        if (!sparse || code !== 0) counted += b;
        if (!sparse) writer.write(signed ? code + power(b) : code, b + 1);
        else if (code !== 0)
          writer.write(signed ? code + power(b) - Number(code > 0) : code - 1, b + Number(signed));
      });
      if (sparse) counted += codes.length;
      writer.align();
    }
    starts[N] = writer.bytes;
    this.countedBits = counted;
    this.bytes = head + writer.bytes;
    this.#block = x.engine.device.allocate(this.bytes, "saved", site, "high");
    const views = this.#views();
    views.scales.set(largest.map(scaleOf));
    views.starts.set(starts);
    views.bits.set(bits);
    views.codes.set(writer.written);
  }

  #views() {
    const { N, C } = channelsOf(this.#shape);
    const { address, bytes } = this.#block;
    const { buffer } = this.#engine.device;
    const starts = address + 4 * C;
    const bits = starts + 4 * (N + 1);
    return {
      scales: new Float32Array(buffer, address, C),
      starts: new Uint32Array(buffer, starts, N + 1),
      bits: new Uint8Array(buffer, bits, C),
      codes: new Uint8Array(buffer, bits + C, address + bytes - bits - C),
    };
  }

  range(first: number, count: number): Tensor {
    const x = Tensor.empty(this.#engine, [count, ...this.#shape.slice(1)], this.#block.site);
    const { C, size } = channelsOf(this.#shape);
    const { scales, starts, bits, codes } = this.#views();
    const values = x.data;
    for (let n = 0; n < count; n++) {
      const reader = new BitReader(codes, starts[first + n]!);
      const mask = this.#sparse ? Uint8Array.from({ length: C * size }, () => reader.read(1)) : null;
      for (let i = 0; i < C * size; i++) {
        const c = Math.floor(i / size);
        const step = fround(1 / power(bits[c]!) / scales[c]!);
        values[n * C * size + i] = mask?.[i] === 0 ? 0 : this.#code(reader, bits[c]!) * step;
      }
    }
    return x;
  }

  #code(reader: BitReader, b: number): number {
    if (!this.#sparse) return this.#signed ? reader.read(b + 1) - power(b) : reader.read(b + 1);
    if (!this.#signed) return reader.read(b) + 1;
    const code = reader.read(b + 1) - power(b);
    return code >= 0 ? code + 1 : code;
  }

  free(): void {
    this.#engine.device.free(this.#block);
  }
}
