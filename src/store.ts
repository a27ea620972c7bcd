/**
 * The seam: every tensor kept for the backward pass goes through `store.put` and comes back through `store.take`.
 *
 * A put is a claim on the tensor's storage. It is settled when the forward pass has no further use of the bytes, and
 * not before: by then all ops that save this tensor are known, so they share one packed copy, made once, at the
 * tightest bound among them, and an op that needs only the support rides along for nothing.
 *
 * A store decides one thing: how to pack. Plain, COMET, rivals, recomputation and offload differ only there.
 */
import type { Block, Device } from "./device/device.js";
import { FreedError } from "./error.js";
import type { Engine, Site } from "./op.js";
import { type Claim, type Storage, Tensor } from "./tensor.js";

/**
 * What backward needs of a saved tensor: its values within a bound (an op that says so has a noise law), exactly its
 * values, or merely its support, which is where it is not zero.
 */
export type Need = "value" | "exact" | "support";

export interface Claimant {
  readonly site: Site;
  readonly need: Need;
}

/** A settled claim: the tensor in another form, or the tensor itself. */
export interface Packed {
  /** The values. */
  unpack(): Tensor;
  /** The values, some images after the other; the caller disposes of each before it asks for the next. */
  parts(): Iterable<Tensor>;
  /** dx = x ≠ 0 ? dy : 0; consumes dy. */
  gate(dy: Tensor): Tensor;
  free(): void;
}

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

  close(): void {
    this.#device.free(this.#block);
  }
}

/** A tensor that some ops have claimed: first waiting on its storage, then packed. */
export class SavedTensor implements Claim {
  readonly claimants: Claimant[] = [];
  /** Handles not yet dropped. */
  open = 0;
  packed: Packed | null = null;
  readonly #store: Store;
  readonly #engine: Engine;
  readonly #storage: Storage;
  readonly #shape: readonly number[];

  constructor(store: Store, tensor: Tensor) {
    this.#store = store;
    this.#engine = tensor.engine;
    this.#storage = tensor.storage;
    this.#shape = tensor.shape;
  }

  settle(): void {
    if (this.open > 0) this.packed = this.#store.pack(this.#borrow(), this.claimants);
  }

  /** Backward may come before the forward pass has let go of the tensor: then the tensor itself serves. */
  get current(): Packed {
    return (
      this.packed ?? {
        unpack: () => this.#borrow().ref,
        parts: () => [this.#borrow().ref],
        gate: (dy) => gateBy(this.#borrow(), dy),
        free() {},
      }
    );
  }

  close(): void {
    if (--this.open > 0) return;
    if (this.packed) this.packed.free();
    else if (this.#storage.claim === this) this.#storage.claim = null;
  }

  /** The tensor, not counted: only for use while somebody else owns it. */
  #borrow(): Tensor {
    return new Tensor(this.#engine, this.#storage, this.#shape);
  }
}

export abstract class Store {
  abstract readonly name: string;

  /** Packs `tensor`, which is borrowed: to keep it as it is, keep `tensor.ref`. All claimants are known. */
  abstract pack(tensor: Tensor, claimants: readonly Claimant[]): Packed;

  put(tensor: Tensor, site: Site, need: Need): Handle {
    const waiting = tensor.storage.claim;
    const saved = waiting instanceof SavedTensor ? waiting : new SavedTensor(this, tensor);
    tensor.storage.claim = saved;
    saved.claimants.push({ site, need });
    saved.open++;
    return { site, saved };
  }

  putBits(device: Device, block: Block, site: Site): Handle {
    return { site, saved: new SavedBits(device, block) };
  }

  /** Like `take`, in parts along the first axis: no more of the tensor need be there at once than one of them. */
  *takeParts(handle: Handle): Iterable<Tensor> {
    yield* this.#open(handle).current.parts();
    this.drop(handle);
  }

  /** A saved tensor's values, within its bound. The caller disposes of them. Each handle is taken once. */
  take(handle: Handle): Tensor {
    const tensor = this.#open(handle).current.unpack();
    this.drop(handle);
    return tensor;
  }

  /** dx = saved ≠ 0 ? dy : 0; consumes dy. */
  gate(handle: Handle, dy: Tensor): Tensor {
    const dx = this.#open(handle).current.gate(dy);
    this.drop(handle);
    return dx;
  }

  /** Saved bits, readable until the handle is dropped. */
  bits(handle: Handle): Uint8Array {
    if (!(handle.saved instanceof SavedBits)) throw takenTwice(handle);
    return handle.saved.bytes;
  }

  /** Gives up a handle, taken or not. */
  drop(handle: Handle): void {
    handle.saved?.close();
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

/** dx = x ≠ 0 ? dy : 0 from a tensor's own values. */
export function gateBy(x: Tensor, dy: Tensor): Tensor {
  const values = dy.data;
  const dx = dy.recycle("gate");
  dx.engine.kernels.reluBackward(dx.data, values, x.data);
  return dx;
}

/** Keeps every tensor as it is, as PyTorch does: the baseline. */
export class PlainStore extends Store {
  readonly name = "plain";

  pack(tensor: Tensor): Packed {
    return new Raw(tensor.ref);
  }
}

/** A tensor kept as it is. */
export class Raw implements Packed {
  readonly #tensor: Tensor;

  /** Owns `tensor`. */
  constructor(tensor: Tensor) {
    this.#tensor = tensor;
    tensor.engine.device.recategorise(tensor.storage.block, "saved");
  }

  unpack(): Tensor {
    return this.#tensor.ref;
  }

  parts(): Iterable<Tensor> {
    return [this.#tensor.ref];
  }

  gate(dy: Tensor): Tensor {
    return gateBy(this.#tensor, dy);
  }

  free(): void {
    this.#tensor.dispose();
  }
}
