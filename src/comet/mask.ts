/** A saved tensor of which only the support is needed: one bit an element. */
import type { Block } from "../device/device.js";
import type { Packed } from "../engine/packed.js";
import type { Machine, Tensor } from "../engine/tensor.js";
import { FreedError } from "../error.js";

export class Mask implements Packed {
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
    const values = dy.data;
    const dx = dy.recycle(this.#block.site);
    this.#engine.kernels.applyMask(dx.data, values, this.#engine.device.u8(this.#block), 1);
    return dx;
  }

  free(): void {
    this.#engine.device.free(this.#block);
  }
}
