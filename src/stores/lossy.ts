/**
 * What the quantising methods have in common: which tensors they encode. Every tensor of which an op needs values has one
 * encoding, whatever the number of ops; beside it, or in its place, there is a mask of one bit a value where an op needs
 * the support. What must be exact stays as it is.
 */
import { Mask } from "../comet/mask.js";
import { type Packed, Raw, type SaveRequest } from "../engine/packed.js";
import { Store } from "../engine/store.js";
import type { Tensor } from "../engine/tensor.js";
import { deriveSeed } from "../rng.js";

/** A tensor to encode, with the ops that need its values. */
export interface Subject {
  readonly x: Tensor;
  /** At least one. */
  readonly requests: readonly SaveRequest[];
  /** Whether an op needs the support too: then x is the output of a ReLU. */
  readonly rectified: boolean;
  /** The names of the sites, which stand for the tensor from step to step. */
  readonly name: string;
  /** The seed of this tensor in this step and draw. */
  readonly seed: number;
}

export abstract class LossyStore extends Store {
  /** The frame of a tensor, in the device's memory; null to keep the tensor as it is. One that cannot `gate` gets a mask. */
  abstract encode(subject: Subject): Packed | null;

  pack(x: Tensor, requests: readonly SaveRequest[], _gated?: boolean): Packed {
    const values = requests.filter(({ need }) => need === "value");
    if (requests.some(({ need }) => need === "exact")) return new Raw(x.ref);
    const site = requests[0]!.site.name;
    if (values.length === 0) return new Mask(x, site);
    const name = values.map((request) => request.site.name).join("+");
    const seed = deriveSeed(x.engine.stepSeed, `${name}/${this.draw}`);
    const rectified = requests.some(({ need }) => need === "support");
    const frame = this.encode({ x, requests: values, rectified, name, seed });
    if (frame === null) return new Raw(x.ref);
    return rectified && !frame.gate ? new Masked(frame, new Mask(x, site)) : frame;
  }
}

/** A frame with the exact support beside it. */
class Masked implements Packed {
  readonly kind = "frame";
  readonly bytes: number;
  readonly images: number;
  readonly #frame: Packed;
  readonly #mask: Mask;

  constructor(frame: Packed, mask: Mask) {
    this.bytes = frame.bytes + mask.bytes;
    this.images = frame.images;
    this.#frame = frame;
    this.#mask = mask;
  }

  range(first: number, count: number, more?: boolean): Tensor {
    return this.#frame.range(first, count, more);
  }

  gate(dy: Tensor): Tensor {
    return this.#mask.gate(dy);
  }

  free(): void {
    this.#frame.free();
    this.#mask.free();
  }
}
