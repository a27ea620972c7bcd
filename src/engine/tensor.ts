/**
 * Tensors, and who owns their bytes.
 *
 * JavaScript frees nothing in time, so tensors move. An op consumes its operands; who needs one twice says `x.ref`,
 * which is a second tensor on the same storage. When the last tensor on a storage is consumed the bytes are freed at
 * once, unless a store has a claim on them: then the claim is settled first (it packs the bytes, or keeps them).
 */
import ndarray, { type NdArray } from "ndarray";
import type { Block, Device } from "../device/device.js";
import type { Category } from "../device/ledger.js";
import { FreedError, ShapeError } from "../error.js";
import type { Engine, Node } from "./op.js";

/** What a store wants from a storage before its bytes go or change. */
export interface Claim {
  /** Called once, while one tensor is left: packs the values elsewhere, or keeps them by taking a share. */
  settle(storage: Storage): void;
}

/** A block of the device, with a count of the tensors that may still read it. */
export class Storage {
  readonly device: Device;
  readonly block: Block;
  claim: Claim | null = null;
  #tensors = 1;
  #data: Float32Array | null = null;

  constructor(device: Device, block: Block) {
    this.device = device;
    this.block = block;
  }

  get data(): Float32Array {
    this.#data ??= this.device.f32(this.block);
    return this.#data;
  }

  share(): void {
    this.#tensors++;
  }

  release(): void {
    if (this.#tensors === 1) this.#settle();
    if (--this.#tensors === 0) this.device.free(this.block);
  }

  /** Whether the one tensor left may overwrite the bytes; a claim on them is settled first. */
  exclusive(): boolean {
    if (this.#tensors === 1) this.#settle();
    return this.#tensors === 1;
  }

  #settle(): void {
    const claim = this.claim;
    this.claim = null;
    claim?.settle(this);
  }
}

export const sizeOf = (shape: readonly number[]): number =>
  shape.reduce((product, extent) => product * extent, 1);

/** float32 values on the device, contiguous, with the tape's node that produced them. */
export class Tensor {
  readonly engine: Engine;
  readonly shape: readonly number[];
  /** Where gradients go; null if none is wanted. */
  readonly node: Node | null;
  #storage: Storage | null;

  constructor(engine: Engine, storage: Storage, shape: readonly number[], node: Node | null = null) {
    this.engine = engine;
    this.shape = shape;
    this.node = node;
    this.#storage = storage;
  }

  /** A new tensor of unspecified content. */
  static empty(
    engine: Engine,
    shape: readonly number[],
    site: string,
    category: Category = "activations",
  ): Tensor {
    const block = engine.device.allocate(4 * sizeOf(shape), category, site);
    return new Tensor(engine, new Storage(engine.device, block), shape);
  }

  static from(engine: Engine, values: ArrayLike<number>, shape: readonly number[], site = "input"): Tensor {
    if (values.length !== sizeOf(shape)) {
      throw new ShapeError({
        where: `Tensor.from(${site})`,
        expected: `${sizeOf(shape)} values for shape [${shape}]`,
        got: `${values.length}`,
        remedy: "give one value for each element",
      });
    }
    const tensor = Tensor.empty(engine, shape, site);
    tensor.data.set(values);
    return tensor;
  }

  get storage(): Storage {
    if (this.#storage === null) {
      throw new FreedError({
        where: `tensor [${this.shape}]`,
        expected: "a tensor that is still owned here",
        got: "one that was moved into an op or freed",
        remedy: "write x.ref where it is used for the first time",
      });
    }
    return this.#storage;
  }

  /** The values, in place: a view of the device's memory. */
  get data(): Float32Array {
    return this.storage.data;
  }

  /** The values with their shape, as an ndarray on the same bytes. */
  get array(): NdArray<Float32Array> {
    return ndarray(this.data, [...this.shape]);
  }

  get size(): number {
    return sizeOf(this.shape);
  }

  /** A second tensor on the same storage: one for each further use. */
  get ref(): Tensor {
    this.storage.share();
    return new Tensor(this.engine, this.storage, this.shape, this.node);
  }

  /** Whether it was moved or disposed of. */
  get moved(): boolean {
    return this.#storage === null;
  }

  /** Gives up this tensor. */
  dispose(): void {
    const storage = this.storage;
    this.#storage = null;
    storage.release();
  }

  /** Moves the storage into a tensor of another shape (of the same size) or node. */
  move(shape: readonly number[], node: Node | null): Tensor {
    const moved = new Tensor(this.engine, this.storage, shape, node);
    this.#storage = null;
    return moved;
  }

  /**
   * Consumes this tensor and returns one of the same size to write to: the same bytes if nobody else needs them,
   * else new ones. Read `data` before calling; the old view stays readable until the next allocation.
   */
  recycle(site: string): Tensor {
    // Asked first: settling a claim may turn what was an activation into a saved tensor.
    const { category, bytes } = this.storage.block;
    const { device } = this.engine;
    // Who shares it may only be keeping it to save time, and not at the cost of room for another.
    if (!this.storage.exclusive() && !device.fitsBelowPeak(bytes)) device.reclaim();
    if (this.storage.exclusive()) return this.move(this.shape, null);
    const fresh = Tensor.empty(
      this.engine,
      this.shape,
      site,
      category === "saved" ? "activations" : category,
    );
    this.dispose();
    return fresh;
  }
}
