/**
 * Decoded or recomputed values of one tensor that stay until they are asked for again, and perhaps the places where they are
 * rectified. They use only memory that is spare: the device takes it back before its peak would rise, what was made longest
 * ago first.
 */
import type { Block } from "../device/device.js";
import { type Machine, sizeOf, Tensor } from "./tensor.js";

export class ValueCache {
  /** The number of images whose values are known, from the first on. */
  known = 0;
  readonly #engine: Machine;
  readonly #images: number;
  /** Null once it was taken, or given back to the device. */
  #x: Tensor | null;
  /** One bit a value, 1 where the rectified value is not 0; null if nobody will ask for rectified values. */
  #signs: Block | null = null;

  private constructor(x: Tensor) {
    this.#engine = x.engine;
    this.#images = x.shape[0]!;
    this.#x = x;
    this.release();
  }

  /** Memory for all images; null where that would raise the peak. `yields`: even if other caches could make room. */
  static start(
    engine: Machine,
    shape: readonly number[],
    site: string,
    { withSigns = false, yields = false } = {},
  ): ValueCache | null {
    const { device } = engine;
    // A trial tells what a step needs, so it uses no spare memory.
    if (engine.trial) return null;
    const size = sizeOf(shape);
    // The bits of an image begin with a byte.
    const signBytes = withSigns && (size / shape[0]!) % 8 === 0 ? size / 8 : 0;
    const bytes = 4 * size + signBytes;
    if (!yields) device.makeRoom(bytes);
    if (!device.fitsBelowPeak(bytes) || !device.fits(bytes)) return null;
    const cache = new ValueCache(Tensor.empty(engine, shape, site));
    if (signBytes === 0) return cache;
    const signs = device.allocate(signBytes, "workspace", site);
    if (cache.x === null) device.free(signs);
    else cache.#signs = signs;
    return cache;
  }

  /** The values; null once they are gone. */
  get x(): Tensor | null {
    return this.#x;
  }

  get whole(): boolean {
    return this.#x !== null && this.known === this.#images;
  }

  /** The address of image `first`. */
  addressOf(first: number): number {
    return this.#x!.data.byteOffset + 4 * this.#valueOf(first);
  }

  #valueOf(first: number): number {
    return (this.#x!.size * first) / this.#images;
  }

  /** The bits of `count` values from image `first` on. */
  #bitsOf(first: number, count: number): Uint8Array {
    const start = this.#valueOf(first) / 8;
    return this.#engine.device.glance(this.#signs!).subarray(start, start + count / 8);
  }

  /** All values were written to their addresses. */
  filled(): void {
    this.known = this.#images;
    // Nothing is known of the signs.
    this.#dropSigns();
  }

  /** Copies images into the cache, if they are the next ones. */
  note(first: number, given: Tensor): void {
    if (this.#x === null || this.known !== first) return;
    this.#dropSigns();
    this.#x.data.set(given.data, this.#valueOf(first));
    this.known += given.shape[0]!;
  }

  /** Notes where the rectified images from `first` on are not 0. */
  noteSigns(first: number, rectified: Tensor): void {
    if (this.#signs) this.#engine.kernels.packNonZero(this.#bitsOf(first, rectified.size), rectified.data);
  }

  /**
   * Some images, of which all are known, or null: a copy, or the memory itself if these are all images, which the cache
   * hands over unless `more` will be asked for.
   */
  values(first: number, count: number, more = false): Tensor | null {
    if (this.whole && count === this.#images) return more ? this.#x!.ref : this.take();
    return this.#copy(count, (to) => to.data.set(this.#valuesFrom(first, to.size)));
  }

  /** The same of max(x, 0). */
  rectified(first: number, count: number): Tensor | null {
    if (this.#signs === null) return null;
    return this.#copy(count, (to) => {
      const bits = this.#bitsOf(first, to.size);
      this.#engine.kernels.applyMask(to.data, this.#valuesFrom(first, to.size), bits, 1);
    });
  }

  #copy(count: number, fill: (to: Tensor) => void): Tensor | null {
    if (!this.whole) return null;
    const { shape, storage } = this.#x!;
    const to = Tensor.empty(this.#engine, [count, ...shape.slice(1)], storage.block.site);
    // The device may have taken the cache back to make room for the copy.
    if (this.whole) {
      fill(to);
      return to;
    }
    to.dispose();
    return null;
  }

  #valuesFrom(first: number, count: number): Float32Array {
    const from = this.#valueOf(first);
    return this.#x!.data.subarray(from, from + count);
  }

  /** Keeps the memory until `release`, while it is written to. Gives it up if so much workspace would raise the peak. */
  hold(workspaceBytes: number): void {
    if (this.#engine.device.fitsBelowPeak(workspaceBytes)) this.#engine.device.releasers.delete(this.drop);
    else this.drop();
  }

  release(): void {
    if (this.#x !== null) this.#engine.device.releasers.add(this.drop);
  }

  /** Hands the values over; the cache is then empty. */
  take(): Tensor {
    const x = this.#x!;
    this.#x = null;
    this.#dropSigns();
    this.#engine.device.releasers.delete(this.drop);
    return x;
  }

  #dropSigns(): void {
    if (this.#signs) this.#engine.device.free(this.#signs);
    this.#signs = null;
  }

  readonly drop = (): void => {
    if (this.#x !== null) this.take().dispose();
  };
}
