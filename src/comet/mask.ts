/** One bit an element: the support of a saved tensor of which only that is needed, or where a tensor is above 0. */
import type { Block } from "../device/device.js";
import type { Packed, Signs } from "../engine/packed.js";
import { type Machine, Tensor } from "../engine/tensor.js";
import { FreedError } from "../error.js";

export class Mask implements Packed, Signs {
  readonly kind = "mask";
  readonly images: number;
  readonly #engine: Machine;
  readonly #block: Block;

  constructor(x: Tensor, site: string) {
    this.images = x.shape[0] ?? 1;
    this.#engine = x.engine;
    this.#block = x.engine.device.allocate(Math.ceil(x.size / 8), "saved", site, "high");
    x.engine.kernels.packNonZero(x.engine.device.u8(this.#block), x.data);
  }

  /** Where x is above 0. x is borrowed. */
  static ofPositive(x: Tensor, site: string): Mask {
    const positive = Tensor.empty(x.engine, x.shape, site, "workspace");
    x.engine.kernels.relu(positive.data, x.data);
    const mask = new Mask(positive, site);
    positive.dispose();
    return mask;
  }

  get bytes(): number {
    return this.#block.bytes;
  }

  range(): Tensor {
    throw new FreedError({
      where: this.#block.site,
      expected: "values",
      got: "a tensor that was saved for its support only",
      remedy: 'declare the save as "value"',
    });
  }

  gate(dy: Tensor): Tensor {
    return this.rectify(dy, 0);
  }

  rectify(x: Tensor, first: number): Tensor {
    const bits = this.#engine.device.u8(this.#block);
    const values = x.data;
    const y = x.recycle(this.#block.site);
    const bytes = Math.ceil(y.size / 8);
    if (first % 8 > 0) fromBit(first, y.data, values, bits);
    else this.#engine.kernels.applyMask(y.data, values, bits.subarray(first / 8, first / 8 + bytes), 1);
    return y;
  }

  free(): void {
    this.#engine.device.free(this.#block);
  }
}

/** `applyMask` from a bit on that does not begin a byte. */
function fromBit(first: number, y: Float32Array, x: Float32Array, bits: Uint8Array): void {
  for (let i = 0; i < x.length; i++) {
    const at = first + i;
    y[i] = (bits[at >> 3]! >> (at & 7)) & 1 ? x[i]! : 0;
  }
}
