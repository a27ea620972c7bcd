/**
 * A tensor in few bits a value, by levels that are given for each channel, in one block of the device:
 *
 *   | levels of all channels | codes of image 0 | codes of image 1 | … | bits of all channels |
 */
import type { Block } from "../device/device.js";
import { imagesAtOnce, type Packed } from "../engine/packed.js";
import { type Machine, sizeOf, Tensor } from "../engine/tensor.js";
import { type ChannelShape, groupBytes } from "../kernels/kernels.js";

export interface Leveling {
  /** Base and step of each channel, for decoding. */
  readonly levels: Float32Array;
  /** The bits of each channel. */
  readonly bits: Uint8Array;
  /** What the bases for encoding are above those for decoding, for each channel. */
  readonly offsets?: Float32Array;
  readonly rounding: "floor" | "nearest";
  /** The part of a step above its level that a code stands for. */
  readonly middle: number;
}

/** N images of C channels; what has no channels counts as one. */
export function channelsOf([N, ...rest]: readonly number[]): ChannelShape {
  const C = rest.length > 1 ? rest[0]! : 1;
  return { N: N!, C, size: sizeOf(rest) / C };
}

export class LevelFrame implements Packed {
  readonly kind = "frame";
  readonly bytes: number;
  readonly images: number;
  readonly #engine: Machine;
  readonly #shape: readonly number[];
  readonly #channels: ChannelShape;
  readonly #block: Block;
  readonly #middle: number;
  readonly #imageBytes: number;

  constructor(x: Tensor, site: string, { levels, bits, offsets, rounding, middle }: Leveling) {
    const { device, kernels } = x.engine;
    this.#engine = x.engine;
    this.#shape = x.shape;
    this.#channels = channelsOf(x.shape);
    this.#middle = middle;
    this.images = imagesAtOnce(x.shape);
    const { N, C, size } = this.#channels;
    this.#imageBytes = bits.reduce((sum, each) => sum + groupBytes(size, each), 0);
    this.bytes = 8 * C + N * this.#imageBytes + C;
    this.#block = device.allocate(this.bytes, "saved", site, "high");
    const views = this.#views(0, N);
    views.levels.set(levels);
    if (offsets) for (let c = 0; c < C; c++) views.levels[2 * c]! += offsets[c]!;
    views.bits.set(bits);
    kernels.quantizeLevels(views.codes, x.data, views.levels, views.bits, this.#channels, rounding);
    views.levels.set(levels);
  }

  #views(first: number, count: number) {
    const { N, C } = this.#channels;
    const bytes = this.#engine.device.u8(this.#block);
    const codes = bytes.subarray(8 * C);
    return {
      levels: new Float32Array(bytes.buffer, bytes.byteOffset, 2 * C),
      codes: codes.subarray(this.#imageBytes * first, this.#imageBytes * (first + count)),
      bits: codes.subarray(this.#imageBytes * N),
    };
  }

  range(first: number, count: number): Tensor {
    const x = Tensor.empty(this.#engine, [count, ...this.#shape.slice(1)], this.#block.site);
    const { levels, codes, bits } = this.#views(first, count);
    const shape = { ...this.#channels, N: count };
    this.#engine.kernels.dequantizeLevels(x.data, codes, levels, bits, shape, this.#middle);
    return x;
  }

  free(): void {
    this.#engine.device.free(this.#block);
  }
}
