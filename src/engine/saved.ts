/**
 * A saved tensor, from the op that puts it out to the last share that is given up.
 *
 *   waiting ── the forward pass has no further use of the bytes ──► packed ── the last share leaves ──► freed
 *
 * While it waits, ops may add requests to those that the plan knows (plan.ts). Then the store packs it, once. A tensor
 * with a recipe needs no bytes: it is replaced by the recipe as soon as there is a share in it.
 */

import type { Parts } from "./op.js";
import { type Addend, imagesOf, type Need, type Packed, type SaveRequest, type Signs } from "./packed.js";
import type { Site } from "./parameter.js";
import type { PlannedTensor } from "./plan.js";
import { type LastUse, type Machine, type Storage, Tensor } from "./tensor.js";

/** How one saved tensor is made from others in the backward pass. */
export interface Recipe {
  readonly sources: readonly SavedTensor[];
  /** Whether the tensor is a mere sum or difference of the sources. */
  readonly sum: boolean;
  /** See `Recomputable.dear`. */
  readonly dear?: boolean;
  /** Makes images [first, first + count) from those of the sources. `last`: no other pass will ask for them. */
  make(first: number, count: number, last?: boolean): Tensor;
  /** See `Packed.sensitivity`; the errors are those of the first source. */
  sensitivity?(first: number, count: number): Tensor | null;
  /** The form in which the tensor waits, if it is another one than `Derived`. */
  packed?(saved: SavedTensor, packer: Packer): Packed;
}

/** What a saved tensor needs of its store. */
export interface Packer {
  /** Packs `tensor`, which is borrowed: `tensor.ref` keeps it as it is. All requests for `saved` are known. */
  pack(saved: SavedTensor, tensor: Tensor): Packed;
  /** In place of packing: `saved` is made by `recipe` when it is needed. */
  derive(saved: SavedTensor, recipe: Recipe): Packed;
  /** Packs a tensor that was made again, which is borrowed. */
  repack(saved: SavedTensor, tensor: Tensor): Packed;
  /** See `Store.signsOf`. */
  signsOf(saved: SavedTensor): Signs | null;
}

export class SavedTensor implements LastUse {
  /** Its name in the trace of the pass. */
  readonly name: string;
  /** What the plan says of it; null if it is not planned. */
  readonly promise: PlannedTensor | null;
  /** All requests: those that the plan knows, and others as they come. */
  readonly requests: SaveRequest[];
  shape: readonly number[];
  packed: Packed | null = null;
  /** What it was packed as; it stays when `packed` goes. */
  form: Pick<Packed, "kind" | "bytes"> | null = null;
  readonly engine: Machine;
  readonly #packer: Packer;
  #storage: Storage | null = null;
  #recipe: Recipe | null = null;
  /** The number of shares that have not been given up. */
  #shares = 0;
  /** The number of ops that read it in the forward pass, and of those among them that the plan knows. */
  readonly #readers = { all: 0, planned: 0 };

  constructor(
    packer: Packer,
    engine: Machine,
    shape: readonly number[],
    name: string,
    promise: PlannedTensor | null,
  ) {
    this.#packer = packer;
    this.engine = engine;
    this.shape = shape;
    this.name = name;
    this.promise = promise;
    this.requests = [...(promise?.requests ?? [])];
  }

  /** The saved tensor of a tensor's storage; there is at most one. */
  static of({ storage: { lastUse } }: Tensor): SavedTensor | null {
    return lastUse instanceof SavedTensor ? lastUse : null;
  }

  /** From now on it is told before the tensor's bytes go. Its values have the tensor's shape. */
  attach(tensor: Tensor): this {
    this.#storage = tensor.storage;
    this.shape = tensor.shape;
    tensor.storage.lastUse = this;
    return this;
  }

  /** Whether the backward pass will have it: there is a share in it, or it has a recipe. */
  get kept(): boolean {
    return this.#shares > 0 || this.#recipe !== null;
  }

  get shares(): number {
    return this.#shares;
  }

  /** How it is made from others; null if it is kept. */
  get recipe(): Recipe | null {
    return this.#recipe;
  }

  /** Whether the plan knows this request of an op. */
  promised({ name, parameter }: Site, need: Need): boolean {
    return (this.promise?.requests ?? []).some(
      ({ derived, site, need: planned }) =>
        !derived && site.name === name && site.parameter === parameter && planned === need,
    );
  }

  /** Whether there are no requests but those that the plan knows. */
  get asPromised(): boolean {
    return this.requests.length === this.promise?.requests.length;
  }

  /** From now on it is made from others. */
  make(recipe: Recipe): void {
    this.#recipe = recipe;
    if (this.#shares > 0) this.#derive(recipe);
  }

  #derive(recipe: Recipe): void {
    this.packed = this.#packer.derive(this, recipe);
    this.form = { kind: "recipe", bytes: 0 };
  }

  /** The variance of the error of each value that is not 0. What is not packed is exact. */
  get variance(): number {
    return this.packed?.variance ?? 0;
  }

  get addends(): readonly Addend[] {
    return this.packed?.addends ?? [];
  }

  /** See `Packed.origin`. */
  get origin(): object | null {
    if (this.packed?.origin !== undefined) return this.packed.origin;
    return this.variance > 0 ? this : null;
  }

  /** See `Packed.sensitivity`. */
  sensitivity(first: number, count: number): Tensor | null {
    return this.packed?.sensitivity?.(first, count) ?? null;
  }

  /** Another one of the same tensor, which is kept while this one is made from others. */
  besides(tensor: Tensor): SavedTensor {
    const kept = new SavedTensor(this.#packer, this.engine, this.shape, this.name, this.promise);
    Object.assign(kept.#readers, this.#readers);
    return kept.attach(tensor);
  }

  /** Adds a share. */
  join(): void {
    this.#shares++;
    if (this.#recipe && !this.packed) this.#derive(this.#recipe);
  }

  /** Gives up a share. */
  leave(): void {
    if (--this.#shares > 0) return;
    this.packed?.free();
    this.packed = null;
  }

  /** Counts an op that reads it in the forward pass. */
  read(planned: boolean): void {
    this.#readers.all++;
    if (planned) this.#readers.planned++;
  }

  /** Whether the gradient is 0 wherever the value is not above 0: the plan says so, and the one op that it knows reads it. */
  get gated(): boolean {
    const { all, planned } = this.#readers;
    return all === 1 && planned === 1 && this.promise?.gated === true;
  }

  get unread(): boolean {
    return this.#readers.all === 0;
  }

  /** The bytes are about to go. */
  settle(): void {
    if (this.#shares === 0 || this.packed) return;
    this.packed = this.#packer.pack(this, this.#borrow());
    this.form = { kind: this.packed.kind, bytes: this.packed.bytes };
  }

  /**
   * Images [first, first + count). The backward pass may begin while the tensor itself is still there and serves. `more`:
   * the owner of a share will ask for them again.
   */
  range(first: number, count: number, more = false): Tensor {
    if (!this.packed) return imagesOf(this.#borrow(), first, count);
    const others = this.shares - 1 - (this.packed.silent ?? 0);
    return this.packed.range(first, count, more || others > 0);
  }

  /** max(x, 0), with the exact support of the original if that was requested. `last`: no other pass will ask for it. */
  rectified(first: number, count: number, last = false): Tensor {
    const next = last ? (this.shares === 2 ? "values" : null) : "both";
    if (this.packed?.rectified) return this.packed.rectified(first, count, next);
    const x = this.range(first, count);
    const values = x.data;
    const y = x.recycle("rectified");
    this.engine.kernels.relu(y.data, values);
    return y;
  }

  unpack(): Tensor {
    return this.range(0, this.shape[0] ?? 1);
  }

  /** The values, some images after the other. The caller disposes of each part before it takes the next. */
  *parts({ again: more = false, light = false }: Parts = {}): Iterable<Tensor> {
    const images = this.shape[0] ?? 1;
    const most = light && this.packed?.whole ? images : (this.packed?.images ?? images);
    for (let first = 0; first < images; first += most) {
      yield this.range(first, Math.min(most, images - first), more);
    }
  }

  /** dx = x ≠ 0 ? dy : 0. Consumes dy. */
  gate(dy: Tensor): Tensor {
    const known = this.packed?.gate?.(dy);
    if (known) return known;
    const values = dy.data;
    const dx = dy.recycle("gate");
    let start = 0;
    for (const x of this.parts({ light: true })) {
      const range = [start, start + x.size] as const;
      this.engine.kernels.reluBackward(dx.data.subarray(...range), values.subarray(...range), x.data);
      start += x.size;
      x.dispose();
    }
    return dx;
  }

  /** The tensor without a share of its own: for use only while another tensor owns the storage. */
  #borrow(): Tensor {
    return new Tensor(this.engine, this.#storage!, this.shape);
  }
}
