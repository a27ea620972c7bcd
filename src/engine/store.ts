/**
 * The seam: every tensor that is kept for the backward pass goes through `store.put` and comes back through `store.take`.
 *
 * A put is a request (packed.ts). The tensor waits until the forward pass has no further use of its bytes (saved.ts); by
 * then all ops that need it are known, so they share one packed copy, at the tightest of their bounds, and an op that
 * needs only the support is served by the same copy.
 *
 * A store decides two things: how to pack a tensor, and which tensor of a chain of recomputable ops is packed at all
 * (plan.ts). All methods differ only there: plain, recomputation, COMET, its rivals, offload.
 */
import type { Block, Device } from "../device/device.js";
import { Chains } from "./chain.js";
import type { StoreController } from "./controller.js";
import { Derived } from "./derived.js";
import { bitsOf, type Handle, SavedBits, tensorOf } from "./handle.js";
import type { Parts } from "./op.js";
import { type Need, type Packed, Raw, type SaveRequest, type Signs } from "./packed.js";
import type { Site } from "./parameter.js";
import { type ChooseSegments, type Keeps, planChains } from "./plan.js";
import type { Packer, Recipe, SavedTensor } from "./saved.js";
import { noSegments } from "./segment.js";
import type { Tensor } from "./tensor.js";

/** A tensor was packed; its values are still there. */
export interface PackEvent {
  readonly packed: Packed;
  readonly requests: readonly SaveRequest[];
  /** The bytes of the values. */
  readonly rawBytes: number;
  /** The tensor before it was packed, which is borrowed; null if it is made from others. */
  readonly tensor: Tensor | null;
}

/** What a store has moved out of the device and back. */
export interface Transfers {
  sentBytes: number;
  fetchedBytes: number;
  /** The most bytes that waited outside the device at a time. */
  hostPeakBytes: number;
  /** The number of fetches ahead for which the device had no room. */
  late: number;
  /** The measured time of the copies. */
  copyMs: number;
  /** The modelled time for which the device waits for its link. */
  stallMs: number;
}

export abstract class Store {
  /** The name under which users choose it. */
  abstract readonly name: string;
  /** Which tensors of a chain of recomputable ops are kept: all, or one from which the others are made. */
  readonly keeps: Keeps = "all";
  /** Chooses what is computed again, convolutions included; null for a store that computes only cheap maps again. */
  readonly segments: ChooseSegments | null = null;
  /** What adapts the store to the training; null for a store that does not adapt. */
  readonly controller: StoreController | null = null;
  /** Whether packing one tensor again gives other errors. Then several draws of one step can be measured. */
  readonly random: boolean = false;
  /** The bytes of the workspace that unpacking needs beside the values. */
  readonly unpackBytes: number = 0;
  /** The number of the draw, from which a store with `random` derives its seeds, beside the step's own. */
  draw = 0;
  /** Called for every tensor after it was packed. */
  onPack: ((event: PackEvent) => void) | null = null;

  /** What was moved since the last call; null for a store that keeps everything in the device. */
  transfers(): Transfers | null {
    return null;
  }

  /** Gives up what it holds outside the device. */
  close(): void {}

  /**
   * Packs `tensor`, which is borrowed: `tensor.ref` keeps it as it is. All requests for it are known.
   * `gated`: its gradient is 0 wherever its value is not above 0.
   */
  abstract pack(tensor: Tensor, requests: readonly SaveRequest[], gated: boolean): Packed;

  /** Registers what an op saves. The tensor is borrowed. */
  put(tensor: Tensor, site: Site, need: Need): Handle {
    const saved = this.chains.receiver(tensor, site, need);
    saved.join();
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

  /** Like `take`, in parts along the first axis, so that only one part need be in memory at a time. */
  *takeParts(handle: Handle, how?: Parts): Iterable<Tensor> {
    yield* tensorOf(handle).parts(how);
    this.drop(handle);
  }

  /** The values, while the handle stays as it is. The caller disposes of them. */
  look(handle: Handle): Tensor {
    return tensorOf(handle).unpack();
  }

  /** Like `look`, in parts along the first axis. The values will be asked for again. */
  lookParts(handle: Handle, how?: Parts): Iterable<Tensor> {
    return tensorOf(handle).parts({ ...how, again: true });
  }

  /** dx = saved ≠ 0 ? dy : 0. Consumes dy. */
  gate(handle: Handle, dy: Tensor): Tensor {
    const dx = tensorOf(handle).gate(dy);
    this.drop(handle);
    return dx;
  }

  /** Saved bits, readable until the handle is dropped. */
  bits(handle: Handle): Uint8Array {
    return bitsOf(handle).bytes;
  }

  /** Another handle on the same tensor. */
  share(handle: Handle): Handle {
    const saved = tensorOf(handle);
    saved.join();
    return { site: handle.site, saved };
  }

  /** Gives up a handle, taken or not. */
  drop(handle: Handle): void {
    handle.saved?.leave();
    handle.saved = null;
  }

  /** Packs, and reports what was packed. */
  readonly #packer: Packer = {
    pack: ({ requests, gated }, tensor) => {
      const packed = this.pack(tensor, requests, gated);
      this.onPack?.({ packed, requests, rawBytes: 4 * tensor.size, tensor });
      return packed;
    },
    derive: (saved, recipe) => this.derive(saved, recipe),
    repack: ({ requests, gated }, tensor) => this.pack(tensor, requests, gated),
    signsOf: (saved) => this.signsOf(saved),
  };

  /** Which tensors of chains are packed, and which are made from others. */
  readonly chains = new Chains(
    this.#packer,
    (steps, images) =>
      planChains(steps, this.keeps, this.segments?.(steps, this.keeps, images) ?? noSegments),
    (site, need) => this.controller?.requested?.(site, need),
  );

  /**
   * Of a tensor of a segment, which is not packed and still there, and which a ReLU reads: where it is above 0. A store keeps
   * that if its entries may err; null if the signs follow from the values.
   */
  signsOf(_saved: SavedTensor): Signs | null {
    return null;
  }

  /** In place of packing: `saved` is made by `recipe` when it is needed. */
  derive(saved: SavedTensor, recipe: Recipe): Packed {
    const packed = recipe.packed?.(saved, this.#packer) ?? new Derived(saved, recipe);
    const rawBytes = 4 * saved.shape.reduce((product, extent) => product * extent, 1);
    this.onPack?.({ packed, requests: saved.requests, rawBytes, tensor: null });
    return packed;
  }
}

/** Keeps every tensor as it is, as PyTorch does: the baseline. */
export class PlainStore extends Store {
  readonly name: string = "plain";

  pack(tensor: Tensor, _requests?: readonly SaveRequest[], _gated?: boolean): Packed {
    return new Raw(tensor.ref);
  }
}
