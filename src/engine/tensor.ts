/**
 * Tensors, and the ownership of their bytes.
 *
 * JavaScript does not free memory in time, so tensors move: an op consumes its operands, and `x.ref` makes a second
 * tensor on the same storage for a second use. When the last tensor on a storage is consumed, its bytes are freed at
 * once. If the bytes are still to be saved for the backward pass, a store packs or keeps them just before that.
 */
import ndarray, { type NdArray } from "ndarray";
import type { Block, Device } from "../device/device.js";
import type { Category } from "../device/ledger.js";
import type { Team } from "../device/workers.js";
import { FreedError, ShapeError } from "../error.js";
import type { Kernels } from "../kernels/kernels.js";

/** What tensors live on and what computes them. */
export interface Machine {
  readonly device: Device;
  readonly kernels: Kernels;
  /** The threads that run the kernels; null where the kernels are plain TypeScript. */
  readonly team: Team | null;
  /** The seed of the random masks and of the dither of the current step. */
  stepSeed: number;
  /** Whether the passes that run are trials on a part of a batch, of which no step follows. */
  trial: boolean;
}

/** A node of the tape: where the gradient of a tensor goes. */
export interface Node {
  /** The path of the module that applied the op. */
  readonly site: string;
  readonly parents: readonly (Node | null)[];
  /** The sum of the gradients that have arrived in this backward pass. */
  gradient: Tensor | null;
  /** What has been seen of that gradient before it arrived; null once more is added. */
  preview: object | null;
}

/** Someone who needs the values of a storage and who is told before these are freed or overwritten. */
export interface LastUse {
  /** Called once, while one tensor is left: packs the values, or keeps them by taking a share of the storage. */
  settle(storage: Storage): void;
}

/** A block of the device, with the number of tensors that may still read it. */
export class Storage {
  readonly device: Device;
  readonly block: Block;
  lastUse: LastUse | null = null;
  #tensors = 1;
  #data: Float32Array | null = null;

  constructor(device: Device, block: Block) {
    this.device = device;
    this.block = block;
  }

  get data(): Float32Array {
    const { address } = this.block;
    if (this.#data?.byteOffset !== address) this.#data = this.device.f32(this.block);
    return this.#data!;
  }

  /** Whether more than one tensor may still read the bytes. */
  get shared(): boolean {
    return this.#tensors > 1;
  }

  share(): void {
    this.#tensors++;
  }

  release(): void {
    if (this.#tensors === 1) this.#settle();
    if (--this.#tensors === 0) this.device.free(this.block);
  }

  /** Whether the only tensor left may overwrite the bytes. If it may, a pending last use is settled first. */
  exclusive(): boolean {
    if (this.#tensors === 1) this.#settle();
    return this.#tensors === 1;
  }

  #settle(): void {
    const { lastUse } = this;
    this.lastUse = null;
    lastUse?.settle(this);
  }
}

export const sizeOf = (shape: readonly number[]): number =>
  shape.reduce((product, extent) => product * extent, 1);

/** Contiguous float32 values on the device, and the node of the tape that produced them. */
export class Tensor {
  /** The engine that it belongs to, as far as a tensor needs to know it. */
  readonly engine: Machine;
  readonly shape: readonly number[];
  /** Where the gradient of this tensor goes; null if no gradient is wanted. */
  readonly node: Node | null;
  #storage: Storage | null;

  constructor(engine: Machine, storage: Storage, shape: readonly number[], node: Node | null = null) {
    this.engine = engine;
    this.shape = shape;
    this.node = node;
    this.#storage = storage;
  }

  /** A new tensor of unspecified content. */
  static empty(
    engine: Machine,
    shape: readonly number[],
    site: string,
    category: Category = "activations",
    place: "low" | "high" = "low",
  ): Tensor {
    const block = engine.device.allocate(4 * sizeOf(shape), category, site, place);
    return new Tensor(engine, new Storage(engine.device, block), shape);
  }

  static from(engine: Machine, values: ArrayLike<number>, shape: readonly number[], site = "input"): Tensor {
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

  /** The values, in place: a view of the device's memory, which is valid until the next op begins. */
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

  /** A second tensor on the same storage. Each further use of a tensor needs one. */
  get ref(): Tensor {
    this.storage.share();
    return new Tensor(this.engine, this.storage, this.shape, this.node);
  }

  /** Whether this tensor was moved or disposed of. */
  get moved(): boolean {
    return this.#storage === null;
  }

  /** Gives up this tensor; the bytes are freed with the last tensor on them. */
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
   * Consumes this tensor and returns one of the same shape to write to: on the same bytes if no other tensor needs
   * them, else on new ones. Read `data` before the call; the old view stays readable until the next allocation.
   */
  recycle(site: string): Tensor {
    // The category is read first, because settling may turn an activation into a saved tensor.
    const { category, bytes } = this.storage.block;
    const { device } = this.engine;
    // The other share may be a decode cache, which only saves time: it gives way where a copy would raise the peak.
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
