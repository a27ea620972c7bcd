/**
 * Values that were decoded for one and are kept, whole, for who asks next. Backward goes from one tensor to the next, so there is
 * one of these at a time; and it only borrows memory: it goes before the device's peak would rise.
 */
import type { Engine } from "../engine/op.js";
import { sizeOf, Tensor } from "../engine/tensor.js";

export class Kept {
  /** Images that are there, from the first on. */
  known = 0;
  readonly #engine: Engine;
  readonly #images: number;
  /** Null once taken, or taken back. */
  #x: Tensor | null;

  private constructor(x: Tensor) {
    this.#engine = x.engine;
    this.#images = x.shape[0]!;
    this.#x = x;
    this.release();
  }

  /** Room for all images, in place of what else was kept; null where that would raise the peak. */
  static start(engine: Engine, shape: readonly number[], site: string): Kept | null {
    const { device } = engine;
    const bytes = 4 * sizeOf(shape);
    device.reclaim();
    if (!device.fitsBelowPeak(bytes) || !device.fits(bytes)) return null;
    return new Kept(Tensor.empty(engine, shape, site));
  }

  /** Null once it is gone. */
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

  /** Notes images that have been given, if they are the next. */
  note(first: number, given: Tensor): void {
    if (this.#x === null || this.known !== first) return;
    this.#x.data.set(given.data, (this.#x.size * first) / this.#images);
    this.known += given.shape[0]!;
  }

  /** Copies images to a tensor that is there already. */
  copy(to: Tensor, first: number): void {
    const from = (this.#x!.size * first) / this.#images;
    to.data.set(this.#x!.data.subarray(from, from + to.size));
  }

  /** Stays until it is released: it is being written to. Goes where so many bytes of workspace would raise the peak. */
  hold(workspaceBytes: number): void {
    if (this.#engine.device.fitsBelowPeak(workspaceBytes)) this.#engine.device.releasers.delete(this.drop);
    else this.drop();
  }

  release(): void {
    if (this.#x !== null) this.#engine.device.releasers.add(this.drop);
  }

  /** Gives the values away. */
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
