/**
 * A saved tensor, from the first request for it to the last share that is given up.
 *
 *   waiting ── the forward pass has no further use of the bytes ──► packed ── the last share leaves ──► freed
 *
 * While it waits, all ops that need it in the backward pass make their requests. Only then is it packed, once, by the
 * store; or, if it has a recipe, it is replaced by that recipe, and its sources receive the requests in its place.
 */
import { type Addend, imagesOf, type Packed, type SaveRequest } from "./packed.js";
import { type LastUse, type Machine, type Storage, Tensor } from "./tensor.js";

/** How one saved tensor is made from others in the backward pass. */
export interface Recipe {
  readonly sources: readonly SavedTensor[];
  /** Whether the sources wait for every request, however late it comes. */
  readonly firm: boolean;
  /** Whether the tensor is a mere sum or difference of the sources. */
  readonly sum: boolean;
  /** Makes images [first, first + count) from those of the sources. `last`: no other pass will ask for them. */
  make(first: number, count: number, last?: boolean): Tensor;
  /** See `Packed.sensitivity`; the errors are those of the first source. */
  sensitivity?(first: number, count: number): Tensor | null;
  /** What a request for the tensor means for its sources. */
  forward(request: SaveRequest): SaveRequest;
  /** Ends the waiting of the sources for requests that come through this recipe. */
  release(): void;
}

/** What a saved tensor needs of its store. */
export interface Packer {
  /**
   * Packs `tensor`, which is borrowed: `tensor.ref` keeps it as it is. All requests are known.
   * `soleReader`: one op alone has read it in the forward pass.
   */
  pack(tensor: Tensor, requests: readonly SaveRequest[], soleReader: boolean): Packed;
  /** In place of packing: `saved` is made by `recipe` when it is needed. */
  derive(saved: SavedTensor, recipe: Recipe): Packed;
}

export class SavedTensor implements LastUse {
  readonly requests: SaveRequest[] = [];
  readonly shape: readonly number[];
  /** How it is made from others, if that is possible. */
  recipe: Recipe | null = null;
  packed: Packed | null = null;
  readonly #packer: Packer;
  readonly #engine: Machine;
  #storage: Storage | null = null;
  /** The number of shares that have not been given up. */
  #shares = 0;
  /** The number of ops that read it in the forward pass. */
  #readers = 0;
  /** The number of recipes through which requests for it may still come. */
  #watchers = 0;
  #state: "waiting" | "overwritten" | "settled" = "waiting";

  constructor(packer: Packer, engine: Machine, shape: readonly number[]) {
    this.#packer = packer;
    this.#engine = engine;
    this.shape = shape;
  }

  /** The saved tensor that waits on a tensor's storage; there is at most one. */
  static on(tensor: Tensor, packer: Packer): SavedTensor {
    const { lastUse } = tensor.storage;
    if (lastUse instanceof SavedTensor) return lastUse;
    const saved = new SavedTensor(packer, tensor.engine, tensor.shape);
    saved.attach(tensor);
    return saved;
  }

  attach(tensor: Tensor): void {
    this.#storage = tensor.storage;
    tensor.storage.lastUse = this;
  }

  /** Whether the backward pass can have it without a further packed copy: it is requested, or it has a recipe. */
  get kept(): boolean {
    return this.#shares > 0 || this.recipe !== null;
  }

  get shares(): number {
    return this.#shares;
  }

  /** Whether a request would still come before it is packed. */
  get waiting(): boolean {
    return this.#state !== "settled";
  }

  /** Whether requests may still come through the recipe of another tensor. */
  get watched(): boolean {
    return this.#watchers > 0;
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

  /** Adds a share, with what its owner requests. */
  join(requests: readonly SaveRequest[]): void {
    this.requests.push(...requests);
    this.#shares++;
    // The bytes went while there was no request, but what the tensor is made from is still there.
    if (this.#state === "settled" && this.packed === null) {
      this.packed = this.#packer.derive(this, this.recipe!);
    }
  }

  /** Gives up a share. */
  leave(): void {
    if (--this.#shares > 0) return;
    this.packed?.free();
    this.packed = null;
  }

  /** Counts an op that reads it in the forward pass. */
  read(): void {
    this.#readers++;
  }

  get unread(): boolean {
    return this.#readers === 0;
  }

  /** Whether its gradient comes from one op alone. */
  get soleReader(): boolean {
    return this.#readers === 1;
  }

  watch(): void {
    this.#watchers++;
  }

  unwatch(): void {
    if (--this.#watchers === 0 && this.#state === "overwritten") this.#conclude();
  }

  /** The bytes are about to go. With a firm recipe they are not needed, and it may wait for further requests. */
  settle(): void {
    this.#state = "overwritten";
    if (!(this.watched && this.recipe?.firm)) this.#conclude();
  }

  #conclude(): void {
    const { recipe } = this;
    if (this.#shares > 0) {
      const usable = recipe !== null && (recipe.firm || recipe.sources.every(({ waiting }) => waiting));
      this.packed = usable
        ? this.#packer.derive(this, recipe)
        : this.#packer.pack(this.#borrow(), this.requests, this.soleReader);
    }
    this.#state = "settled";
    recipe?.release();
  }

  /** Images [first, first + count). The backward pass may begin while the tensor itself is still there and serves. */
  range(first: number, count: number): Tensor {
    return this.packed
      ? this.packed.range(first, count, this.shares > 1)
      : imagesOf(this.#borrow(), first, count);
  }

  /** max(x, 0), with the exact support of the original if that was requested. `last`: no other pass will ask for it. */
  rectified(first: number, count: number, last = false): Tensor {
    if (this.packed?.rectified) return this.packed.rectified(first, count, last && this.shares === 2);
    const x = this.range(first, count);
    const values = x.data;
    const y = x.recycle("rectified");
    this.#engine.kernels.relu(y.data, values);
    return y;
  }

  unpack(): Tensor {
    return this.range(0, this.shape[0] ?? 1);
  }

  /** The values, some images after the other. The caller disposes of each part before it takes the next. */
  *parts(): Iterable<Tensor> {
    const images = this.shape[0] ?? 1;
    const most = this.packed?.images ?? images;
    for (let first = 0; first < images; first += most) {
      yield this.range(first, Math.min(most, images - first));
    }
  }

  /** dx = x ≠ 0 ? dy : 0. Consumes dy. */
  gate(dy: Tensor): Tensor {
    const known = this.packed?.gate?.(dy);
    if (known) return known;
    const values = dy.data;
    const dx = dy.recycle("gate");
    let start = 0;
    for (const x of this.parts()) {
      const range = [start, start + x.size] as const;
      this.#engine.kernels.reluBackward(dx.data.subarray(...range), values.subarray(...range), x.data);
      start += x.size;
      x.dispose();
    }
    return dx;
  }

  /** The tensor without a share of its own: for use only while another tensor owns the storage. */
  #borrow(): Tensor {
    return new Tensor(this.#engine, this.#storage!, this.shape);
  }
}
