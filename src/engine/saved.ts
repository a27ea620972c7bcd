/**
 * A saved tensor, from the first claim on it to the last: first waiting on its storage, then settled. It is settled when
 * the forward pass has no further use of the bytes, and not before: by then all that claim it are known. Settling
 * gives it another form: packed by the store, or a recipe that makes it from other saved tensors.
 */
import type { Block, Device } from "../device/device.js";
import type { Engine, Site } from "./op.js";
import type { Store } from "./store.js";
import { type Claim, type Storage, sizeOf, Tensor } from "./tensor.js";

/**
 * What backward needs of a saved tensor: its values within a bound (an op that says so has a noise law), exactly its
 * values, or merely its support, which is where it is not zero.
 */
export type Need = "value" | "exact" | "support";

export interface Claimant {
  readonly site: Site;
  readonly need: Need;
  /** How much of the site's bound an error here may take: below 1 where the errors of several tensors add up. */
  readonly share: number;
  /** Only the values above zero matter (and which they are): what a ReLU lets through. */
  readonly positive: boolean;
  /** The gradient of what it claimed comes through this tensor alone. */
  readonly sole: boolean;
  /** It claimed a tensor that is made from this one. */
  readonly derived: boolean;
}

/** A settled claim: the tensor in another form, or the tensor itself. */
export interface Packed {
  /** Variance of the error of its values, where they are not 0; absent where there is none. */
  readonly variance?: number;
  /** The tensors that it is the sum of, or the difference: it has all their errors. */
  readonly addends?: readonly SavedTensor[];
  /** The standard deviation of each value's error in units of that of what is kept; null where it is 1 but for zeros. */
  sensitivity?(first: number, count: number): Tensor | null;
  /** How many images it gives at once most cheaply. */
  readonly images: number;
  /** The values of `count` images from `first` on. The caller disposes of them. `more`: others will ask for them. */
  range(first: number, count: number, more?: boolean): Tensor;
  /**
   * What a ReLU makes of them, where more than the values tells which are above zero. `valuesNext`: who asks is the last to want
   * these, and goes through all images in order, and the values as they are will be asked for next.
   */
  rectified?(first: number, count: number, valuesNext?: boolean): Tensor;
  /** dx = x ≠ 0 ? dy : 0; consumes dy. Null where that is not known without the values. */
  gate?(dy: Tensor): Tensor | null;
  free(): void;
}

/** The most raw bytes of a packed tensor that one thread makes again at a time for a backward pass, if images allow. */
const partBytes = 2 ** 19;

export const imagesAtOnce = ([images, ...image]: readonly number[]): number =>
  Math.max(1, Math.min(images ?? 1, Math.floor(partBytes / (4 * sizeOf(image)))));

/** How one saved tensor is made from others. */
export interface Recipe {
  readonly sources: readonly SavedTensor[];
  /** Whether the sources hear of every claim before they are packed, however late it comes. */
  readonly firm: boolean;
  /** Whether they are merely added and subtracted. */
  readonly sum: boolean;
  /** Makes images [first, first + count) of it from those of each source; `last`: nobody else will ask. */
  make(first: number, count: number, last?: boolean): Tensor;
  /** Likewise how its values follow errors of the first source; null where one by one. */
  sensitivity?(first: number, count: number): Tensor | null;
  /** What a claim on it means for its sources. */
  ask(claimant: Claimant): Claimant;
  /** Lets go of the sources. */
  release(): void;
}

/**
 * A tensor that is made anew from others each time it is asked for. If gates are to come, the support of what is made before
 * them, image after image, is kept until then, one bit an element: in the backward pass's own workspace, as nobody saved it.
 */
export class Derived implements Packed {
  readonly images: number;
  readonly #saved: SavedTensor;
  readonly #recipe: Recipe;
  readonly #shape: readonly number[];
  /** Gates still to come; 0 where supports are of no use. */
  #gates: number;
  readonly #supports: { size: number; bits: Block; device: Device }[] = [];
  /** Images whose supports are kept. */
  #known = 0;

  constructor(saved: SavedTensor, recipe: Recipe) {
    const { shape, claimants } = saved;
    this.#saved = saved;
    this.#recipe = recipe;
    this.#shape = shape;
    this.#gates = claimants.filter(({ need }) => need === "support").length;
    this.images = imagesAtOnce(shape);
    const claims = claimants.map((claimant) => ({ ...recipe.ask(claimant), derived: true }));
    for (const source of recipe.sources) source.join(claims);
  }

  get variance(): number {
    return this.#recipe.sources.reduce((sum, source) => sum + source.variance, 0);
  }

  get addends(): readonly SavedTensor[] {
    return this.#recipe.sum ? this.#recipe.sources : [];
  }

  get origin(): SavedTensor | null {
    const erring = this.#recipe.sources.filter(({ variance }) => variance > 0);
    return erring.length === 1 ? erring[0]!.origin : null;
  }

  range(first: number, count: number): Tensor {
    const x = this.#recipe.make(first, count, this.#saved.shares - this.#gates === 1);
    if (this.#gates > 0 && first === this.#known) {
      const { device, kernels } = x.engine;
      const bits = device.allocate(Math.ceil(x.size / 8), "workspace", x.storage.block.site, "high");
      kernels.packNonZero(device.u8(bits), x.data);
      this.#supports.push({ size: x.size, bits, device });
      this.#known += count;
    } else if (first > this.#known) this.#forget();
    return x;
  }

  gate(dy: Tensor): Tensor | null {
    if (this.#gates === 0 || this.#known < this.#shape[0]!) {
      this.#forget();
      return null;
    }
    const { kernels } = dy.engine;
    const values = dy.data;
    const dx = dy.recycle("gate");
    let start = 0;
    for (const { size, bits, device } of this.#supports) {
      const range = [start, start + size] as const;
      kernels.applyMask(dx.data.subarray(...range), values.subarray(...range), device.u8(bits), 1);
      start += size;
    }
    if (--this.#gates === 0) this.#forget();
    return dx;
  }

  #forget(): void {
    this.#gates = 0;
    for (const { bits, device } of this.#supports.splice(0)) device.free(bits);
  }

  sensitivity(first: number, count: number): Tensor | null {
    return this.#recipe.sensitivity?.(first, count) ?? null;
  }

  free(): void {
    this.#forget();
    for (const source of this.#recipe.sources) source.leave();
  }
}

export class SavedTensor implements Claim {
  readonly claimants: Claimant[] = [];
  readonly shape: readonly number[];
  /** How it is made from others, if it can be. */
  recipe: Recipe | null = null;
  packed: Packed | null = null;
  readonly #store: Store;
  readonly #engine: Engine;
  #storage: Storage | null = null;
  /** Shares not yet given up. */
  #open = 0;
  /** Ops that read it in the forward pass. */
  #readers = 0;
  /** Recipes of tensors that may still ask for this one. */
  #watchers = 0;
  #state: "waiting" | "overwritten" | "settled" = "waiting";

  constructor(store: Store, engine: Engine, shape: readonly number[]) {
    this.#store = store;
    this.#engine = engine;
    this.shape = shape;
  }

  /** The claim on a tensor's bytes; there is at most one. */
  static on(tensor: Tensor, store: Store): SavedTensor {
    const { claim } = tensor.storage;
    if (claim instanceof SavedTensor) return claim;
    const saved = new SavedTensor(store, tensor.engine, tensor.shape);
    saved.attach(tensor);
    return saved;
  }

  attach(tensor: Tensor): void {
    this.#storage = tensor.storage;
    tensor.storage.claim = this;
  }

  /** Whether it is there for backward anyway, itself or what it is made from. */
  get kept(): boolean {
    return this.#open > 0 || this.recipe !== null;
  }

  /** Who has still to take it, or to make something from it. */
  get shares(): number {
    return this.#open;
  }

  /** Whether a claim would still be heard before it is packed. */
  get waiting(): boolean {
    return this.#state !== "settled";
  }

  /** Whether something that is made from it may yet ask for it. */
  get watched(): boolean {
    return this.#watchers > 0;
  }

  /** Of the error of its values, where they are not 0; what is not packed is exact. */
  get variance(): number {
    return this.packed?.variance ?? 0;
  }

  get addends(): readonly SavedTensor[] {
    return this.packed?.addends ?? [];
  }

  /** The one kept tensor whose errors its values have; null if they have none, or those of several. */
  get origin(): SavedTensor | null {
    if (this.packed instanceof Derived) return this.packed.origin;
    return this.variance > 0 ? this : null;
  }

  /** See Packed. */
  sensitivity(first: number, count: number): Tensor | null {
    return this.packed?.sensitivity?.(first, count) ?? null;
  }

  join(claimants: readonly Claimant[]): void {
    this.claimants.push(...claimants);
    this.#open++;
    // Nobody had asked for it when its bytes went, but what it is made from is there.
    if (this.#state === "settled" && this.packed === null) {
      this.packed = this.#store.derive(this, this.recipe!);
    }
  }

  /** Gives up a share. */
  leave(): void {
    if (--this.#open > 0) return;
    this.packed?.free();
    this.packed = null;
  }

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

  /** The bytes are about to go. Who has a firm recipe does not need them, and waits for those who watch. */
  settle(): void {
    this.#state = "overwritten";
    if (!(this.watched && this.recipe?.firm)) this.#conclude();
  }

  #conclude(): void {
    const { recipe } = this;
    if (this.#open > 0) {
      const usable = recipe !== null && (recipe.firm || recipe.sources.every(({ waiting }) => waiting));
      this.packed = usable
        ? this.#store.derive(this, recipe)
        : this.#store.pack(this.#borrow(), this.claimants, this.soleReader);
    }
    this.#state = "settled";
    recipe?.release();
  }

  /** Backward may come before the forward pass has let go of the tensor: then the tensor itself serves. */
  range(first: number, count: number): Tensor {
    return this.packed
      ? this.packed.range(first, count, this.shares > 1)
      : imagesOf(this.#borrow(), first, count);
  }

  /** max(x, 0), with the exact support of the original's if that is claimed; `last`: for the last time. */
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

  /** The values, some images after the other; the caller disposes of each before it asks for the next. */
  *parts(): Iterable<Tensor> {
    const images = this.shape[0] ?? 1;
    const most = this.packed?.images ?? images;
    for (let first = 0; first < images; first += most) {
      yield this.range(first, Math.min(most, images - first));
    }
  }

  /** dx = x ≠ 0 ? dy : 0; consumes dy. */
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

  /** The tensor, not counted: only for use while somebody else owns it. */
  #borrow(): Tensor {
    return new Tensor(this.#engine, this.#storage!, this.shape);
  }
}

/** Some images of a tensor: itself where they are all, else a copy. */
export function imagesOf(x: Tensor, first: number, count: number): Tensor {
  const [images, ...image] = x.shape;
  if (count === (images ?? 1)) return x.ref;
  const size = sizeOf(image);
  return Tensor.from(
    x.engine,
    x.data.subarray(first * size, (first + count) * size),
    [count, ...image],
    x.storage.block.site,
  );
}
