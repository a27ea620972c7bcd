/**
 * A saved tensor that takes no memory of its own: it is made from other saved tensors each time it is needed.
 *
 * If the support of the values is needed after the values themselves, the values' pass notes it, one bit an element, as
 * it goes. These bits are workspace of the backward pass, since no op saved them.
 */
import type { Block, Device } from "../device/device.js";
import { type Addend, imagesAtOnce, type Packed } from "./packed.js";
import type { Recipe, SavedTensor } from "./saved.js";
import { Tensor } from "./tensor.js";
import { ValueCache } from "./value-cache.js";

export class Derived implements Packed {
  readonly kind = "recipe";
  readonly bytes = 0;
  readonly images: number;
  readonly #saved: SavedTensor;
  readonly #recipe: Recipe;
  readonly #shape: readonly number[];
  /** The number of gates still to come; 0 where the support need not be noted. */
  #gates: number;
  readonly #supports: { size: number; bits: Block; device: Device }[] = [];
  /** The number of images whose support is noted. */
  #known = 0;
  /** The values of a dear recipe, while another pass will ask for them. */
  #cache: ValueCache | null = null;

  constructor(saved: SavedTensor, recipe: Recipe) {
    const { shape, requests } = saved;
    this.#saved = saved;
    this.#recipe = recipe;
    this.#shape = shape;
    this.#gates = requests.filter(({ need }) => need === "support").length;
    this.images = imagesAtOnce(shape);
    for (const source of recipe.sources) source.join();
  }

  get variance(): number {
    return this.#recipe.sources.reduce((sum, source) => sum + source.variance, 0);
  }

  /** Gates use the support that a pass over the values has noted. */
  get silent(): number {
    return this.#gates;
  }

  get addends(): readonly Addend[] {
    return this.#recipe.sum ? this.#recipe.sources : [];
  }

  get origin(): object | null {
    const erring = this.#recipe.sources.filter(({ variance }) => variance > 0);
    return erring.length === 1 ? erring[0]!.origin : null;
  }

  sensitivity(first: number, count: number): Tensor | null {
    return this.#recipe.sensitivity?.(first, count) ?? null;
  }

  get whole(): boolean {
    return this.#cache?.whole === true;
  }

  range(first: number, count: number, more = false): Tensor {
    const known = this.#cache?.values(first, count, more);
    if (known) return known;
    if (count > this.images && this.#recipe.sources.length > 1) return this.#assembled(first, count, more);
    const x = this.#recipe.make(first, count, !more);
    if (this.#recipe.dear && more && first === 0) this.#startCache(x);
    this.#cache?.note(first, x);
    if (this.#gates > 0 && first === this.#known) {
      const { device, kernels } = x.engine;
      const bits = device.allocate(Math.ceil(x.size / 8), "workspace", x.storage.block.site, "high");
      kernels.packNonZero(device.glance(bits), x.data);
      this.#supports.push({ size: x.size, bits, device });
      this.#known += count;
    } else if (first > this.#known) this.#forget();
    return x;
  }

  /** Some images after the other, so that the values of all sources are never in memory whole. */
  #assembled(first: number, count: number, more: boolean): Tensor {
    const { engine, name } = this.#saved;
    const x = Tensor.empty(engine, [count, ...this.#shape.slice(1)], name);
    const size = x.size / count;
    try {
      for (let start = 0; start < count; start += this.images) {
        const part = this.range(first + start, Math.min(this.images, count - start), more);
        x.data.set(part.data, start * size);
        part.dispose();
      }
    } catch (error) {
      x.dispose();
      throw error;
    }
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
      kernels.applyMask(dx.data.subarray(...range), values.subarray(...range), device.glance(bits), 1);
      start += size;
    }
    if (--this.#gates === 0) this.#forget();
    return dx;
  }

  /** The caches of the sources spare more time, so this one does not take their memory. */
  #startCache({ engine, storage }: Tensor): void {
    this.#cache?.drop();
    this.#cache = ValueCache.start(engine, this.#shape, storage.block.site, { yields: true });
  }

  #forget(): void {
    this.#gates = 0;
    for (const { bits, device } of this.#supports.splice(0)) device.free(bits);
  }

  free(): void {
    this.#forget();
    this.#cache?.drop();
    for (const source of this.#recipe.sources) source.leave();
  }
}
