/**
 * The seam: every tensor kept for the backward pass goes through `store.put` and comes back through `store.take`.
 *
 * A put is a claim on the tensor's storage (src/engine/saved.ts). It is settled when the forward pass has no further use of the
 * bytes, and not before: by then all ops that save this tensor are known, so they share one packed copy, made once, at
 * the tightest bound among them, and an op that needs only the support rides along for nothing.
 *
 * A store decides two things: how to pack, and which tensor of a chain of cheap ops is packed at all (src/engine/recipe.ts).
 * Plain, lean, COMET, rivals and offload differ only there.
 */
import type { Block, Device } from "../device/device.js";
import { FreedError } from "../error.js";
import type { Site } from "./op.js";
import {
  type Claimant,
  Derived,
  imagesOf,
  type Need,
  type Packed,
  type Recipe,
  SavedTensor,
} from "./saved.js";
import type { Tensor } from "./tensor.js";

/** A claimant's share in a saved tensor. */
export interface Handle {
  readonly site: Site;
  /** Null once dropped. */
  saved: SavedTensor | SavedBits | null;
}

/** Bits are as small as they get: they stay as they are. */
class SavedBits {
  readonly #device: Device;
  readonly #block: Block;

  constructor(device: Device, block: Block) {
    this.#device = device;
    this.#block = block;
    device.recategorise(block, "saved");
  }

  get bytes(): Uint8Array {
    return this.#device.u8(this.#block);
  }

  leave(): void {
    this.#device.free(this.#block);
  }
}

export abstract class Store {
  abstract readonly name: string;
  /** Which tensors of a chain of cheap ops are kept: all of them, or one from which the others are made again. */
  readonly keeps: "all" | "first" | "last" = "all";

  /**
   * Packs `tensor`, which is borrowed: to keep it as it is, keep `tensor.ref`. All claimants are known.
   * `soleReader`: one op has read it.
   */
  abstract pack(tensor: Tensor, claimants: readonly Claimant[], soleReader: boolean): Packed;

  /** In place of packing: makes the tensor from others when it is asked for. */
  derive(saved: SavedTensor, recipe: Recipe): Packed {
    return new Derived(saved, recipe);
  }

  put(tensor: Tensor, site: Site, need: Need): Handle {
    const saved = SavedTensor.on(tensor, this);
    saved.join([{ site, need, share: 1, positive: false, sole: true, derived: false }]);
    return { site, saved };
  }

  putBits(device: Device, block: Block, site: Site): Handle {
    return { site, saved: new SavedBits(device, block) };
  }

  /** A saved tensor's values, within its bound. The caller disposes of them. Each handle is taken once. */
  take(handle: Handle): Tensor {
    const tensor = this.look(handle);
    this.drop(handle);
    return tensor;
  }

  /** Like `take`, in parts along the first axis: no more of the tensor need be there at once than one of them. */
  *takeParts(handle: Handle): Iterable<Tensor> {
    yield* this.#open(handle).parts();
    this.drop(handle);
  }

  /** The values, while the handle stays as it is. */
  look(handle: Handle): Tensor {
    return this.#open(handle).unpack();
  }

  /** dx = saved ≠ 0 ? dy : 0; consumes dy. */
  gate(handle: Handle, dy: Tensor): Tensor {
    const dx = this.#open(handle).gate(dy);
    this.drop(handle);
    return dx;
  }

  /** The tensors that this one is the sum or the difference of; none where it is kept itself. */
  addends(handle: Handle): readonly SavedTensor[] {
    return this.#open(handle).addends;
  }

  /** The one kept tensor whose errors it has; null if it has none, or those of several. */
  origin(handle: Handle): SavedTensor | null {
    return this.#open(handle).origin;
  }

  /** How errors of what is kept show in these values: see Packed. */
  sensitivity(handle: Handle, first: number, count: number): Tensor | null {
    return this.#open(handle).sensitivity(first, count);
  }

  /** Saved bits, readable until the handle is dropped. */
  bits(handle: Handle): Uint8Array {
    if (!(handle.saved instanceof SavedBits)) throw takenTwice(handle);
    return handle.saved.bytes;
  }

  /** Another handle on the same tensor. */
  share({ site, saved }: Handle): Handle {
    if (!(saved instanceof SavedTensor)) throw takenTwice({ site, saved });
    saved.join([]);
    return { site, saved };
  }

  /** Gives up a handle, taken or not. */
  drop(handle: Handle): void {
    handle.saved?.leave();
    handle.saved = null;
  }

  #open(handle: Handle): SavedTensor {
    if (!(handle.saved instanceof SavedTensor)) throw takenTwice(handle);
    return handle.saved;
  }
}

const takenTwice = ({ site }: Handle): FreedError =>
  new FreedError({
    where: `store.take(${site.name})`,
    expected: "a handle that is taken for the first time",
    got: "one that was taken or dropped already",
    remedy: "put once for each take",
  });

/** Keeps every tensor as it is, as PyTorch does: the baseline. */
export class PlainStore extends Store {
  readonly name: string = "plain";

  pack(tensor: Tensor): Packed {
    return new Raw(tensor.ref);
  }
}

/**
 * Keeps the first tensor of each chain of cheap ops as it is and makes the others again: batch normalisation's input
 * alone, and from it the input of the next convolution, through activations and residual sums. The same bits as plain.
 */
export class LeanStore extends PlainStore {
  override readonly name: string = "lean";
  override readonly keeps = "first";
}

/** A tensor kept as it is. */
export class Raw implements Packed {
  readonly images: number;
  readonly #tensor: Tensor;

  /** Owns `tensor`. */
  constructor(tensor: Tensor) {
    this.#tensor = tensor;
    this.images = tensor.shape[0] ?? 1;
    tensor.engine.device.recategorise(tensor.storage.block, "saved");
  }

  range(first: number, count: number): Tensor {
    return imagesOf(this.#tensor, first, count);
  }

  free(): void {
    this.#tensor.dispose();
  }
}

export type { Claimant, Need, Packed, Recipe, SavedTensor };
