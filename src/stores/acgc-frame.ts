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

  constructor(x: Tensor, site: string, fixed: FixedPoint) {
    const { largest, bits, signed, sparse } = fixed;
    this.#engine = x.engine;
    this.#shape = x.shape;
    this.#signed = signed;
    this.#sparse = sparse;
    this.images = imagesAtOnce(x.shape);
    const { N, C, size } = channelsOf(x.shape);
    const values = x.data;
    const head = 5 * C + 4 * (N + 1);
    // No code takes more than 17 bits, and a mask one.
    const writer = new BitWriter(Math.ceil((18 * x.size) / 8) + N);
    const starts = new Uint32Array(N + 1);
    const codes = new Int32Array(C * size);
    const mask = new Int32Array(sparse ? C * size : 0);
    this.countedBits = mask.length * N;
    for (let n = 0; n < N; n++) {
      starts[n] = writer.bytes;
      for (let c = 0; c < C; c++) {
        const plane = codes.subarray(c * size, (c + 1) * size);
        quantize(plane, values.subarray((n * C + c) * size, (n * C + c + 1) * size), fixed, c);
      }
      for (let i = 0; i < mask.length; i++) mask[i] = codes[i] === 0 ? 0 : 1;
      writer.write(mask, 0, 1);
      for (let c = 0; c < C; c++) {
        const plane = codes.subarray(c * size, (c + 1) * size);
        const written = sparse ? withoutZeros(plane) : plane;
        writer.write(written, signed ? power(bits[c]!) : 0, bits[c]! + Number(signed || !sparse));
        this.countedBits += bits[c]! * written.length;
      }
      writer.align();
    }
    starts[N] = writer.bytes;
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
    const read = new Int32Array(size);
    const mask = new Int32Array(this.#sparse ? C * size : 0);
    for (let n = 0; n < count; n++) {
      const reader = new BitReader(codes, starts[first + n]!);
      reader.read(mask, 0, 1);
      for (let c = 0; c < C; c++) {
        const marks = mask.subarray(c * size, (c + 1) * size);
        const kept = this.#sparse
          ? read.subarray(
              0,
              marks.reduce((sum, mark) => sum + mark, 0),
            )
          : read;
        const [b, signed] = [bits[c]!, this.#signed];
        reader.read(kept, signed ? power(b) : 0, b + Number(signed || !this.#sparse));
        const step = fround(1 / power(b) / scales[c]!);
        const plane = values.subarray((n * C + c) * size, (n * C + c + 1) * size);
        if (this.#sparse) withZeros(plane, kept, marks, step);
        else for (let i = 0; i < size; i++) plane[i] = kept[i]! * step;
      }
    }
    return x;
  }

  free(): void {
    this.#engine.device.free(this.#block);
  }
}

/** The codes of one plane of channel c. */
function quantize(
  codes: Int32Array,
  x: Float32Array,
  { largest, bits, signed }: FixedPoint,
  c: number,
): void {
  const [scale, steps] = [scaleOf(largest[c]!), power(bits[c]!)];
  const [least, most] = signed ? [-steps, steps - 1] : [0, steps];
  for (let i = 0; i < x.length; i++) {
    const scaled = nearest(fround(fround(x[i]! * scale) * steps));
    codes[i] = Math.max(least, Math.min(scaled, most));
  }
}

/** The codes that are not 0, in place; those above 0 move down by one. */
function withoutZeros(codes: Int32Array): Int32Array {
  let kept = 0;
  for (let i = 0; i < codes.length; i++) {
    const code = codes[i]!;
    if (code !== 0) codes[kept++] = code > 0 ? code - 1 : code;
  }
  return codes.subarray(0, kept);
}

function withZeros(x: Float32Array, kept: Int32Array, marks: Int32Array, step: number): void {
  for (let i = 0, at = 0; i < x.length; i++) {
    const code = marks[i] === 0 ? 0 : kept[at++]!;
    x[i] = marks[i] === 0 ? 0 : (code < 0 ? code : code + 1) * step;
  }
}
