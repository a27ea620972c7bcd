/**
 * Decoded values of one tensor that stay until they are asked for again. The backward pass goes from one tensor to the
 * next, so there is one cache at a time. It uses only memory that is spare: the device takes it back before its peak
 * would rise.
 */
import { type Machine, sizeOf, Tensor } from "../engine/tensor.js";

export class DecodeCache {
  /** The number of images that are decoded, from the first on. */
  known = 0;
  readonly #engine: Machine;
  readonly #images: number;
  /** Null once it was taken, or given back to the device. */
  #x: Tensor | null;

  private constructor(x: Tensor) {
    this.#engine = x.engine;
    this.#images = x.shape[0]!;
    this.#x = x;
    this.release();
  }

  /** Memory for all images, in place of any other cache; null where that would raise the peak. */
  static start(engine: Machine, shape: readonly number[], site: string): DecodeCache | null {
    const { device } = engine;
    // A trial tells what a step needs, so it uses no spare memory.
    if (engine.trial) return null;
    const bytes = 4 * sizeOf(shape);
    const room = () => device.fitsBelowPeak(bytes) && device.fits(bytes);
    if (!room()) device.reclaim();
    if (!room()) return null;
    return new DecodeCache(Tensor.empty(engine, shape, site));
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
    return this.#x!.data.byteOffset + (4 * this.#x!.size * first) / this.#images;
  }

  /** Copies decoded images into the cache, if they are the next ones. */
  note(first: number, given: Tensor): void {
    if (this.#x === null || this.known !== first) return;
    this.#x.data.set(given.data, (this.#x.size * first) / this.#images);
    this.known += given.shape[0]!;
  }

  /** Copies images from `first` on to a tensor. */
  copy(to: Tensor, first: number): void {
    const from = (this.#x!.size * first) / this.#images;
    to.data.set(this.#x!.data.subarray(from, from + to.size));
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
    this.#engine.device.releasers.delete(this.drop);
    return x;
  }

  readonly drop = (): void => {
    if (this.#x !== null) this.take().dispose();
  };
}
