/**
 * The device is one WebAssembly.Memory that stands for the accelerator's memory. It is created at its full
 * size and never grows, so no view ever detaches; pages that are not touched cost nothing. All tensors of
 * training live in it, so the ledger's peak is exact and running out of memory is real.
 */
import { MemoryError, UsageError } from "../error.js";
import { Allocator, alignment, alignUp } from "./allocator.js";
import {
  checkFusing,
  compile,
  type Exports,
  instantiate,
  type KernelBuild,
  type Profile,
} from "./kernel-module.js";
import { type Category, formatBytes, Ledger } from "./ledger.js";

/** An allocated range. `bytes` is the requested size; the allocator rounds it up to its alignment. */
export interface Block {
  readonly address: number;
  readonly bytes: number;
  /** Changed only by `device.recategorise`. */
  category: Category;
  readonly site: string;
}

/** A free range that a writer may use temporarily; see `fill`. */
export interface Room {
  readonly address: number;
  readonly bytes: number;
}

export interface DeviceOptions {
  /** Bytes, rounded down to a multiple of 64 KiB. At most 4 GiB − 64 KiB. */
  memory: number;
  /** The build of the kernels to load. */
  build?: KernelBuild;
}

const pageBytes = 65_536;
const maxPages = 65_535;

/** The bytes that a block occupies, with rounding. */
const taken = ({ bytes }: Pick<Block, "bytes">): number => alignUp(Math.max(bytes, 1));

export class Device {
  readonly ledger = new Ledger();
  readonly memory: WebAssembly.Memory;
  /** The buffer of `memory`, which never changes. */
  readonly buffer: ArrayBufferLike;
  readonly module: WebAssembly.Module;
  /** The kernels' exports, bound to this memory. */
  readonly exports: Exports;
  readonly budget: number;
  readonly build: KernelBuild;
  /** Functions that release memory which is held only to save time. They run before the peak would rise or memory run out. */
  readonly releasers = new Set<() => void>();
  readonly #allocator: Allocator;
  readonly #blocks = new Map<number, Block>();

  constructor({ memory, build = "release" }: DeviceOptions) {
    const pages = Math.floor(memory / pageBytes);
    if (!(pages >= 16 && pages <= maxPages)) {
      throw new UsageError({
        where: "device memory",
        expected: "between 1 MiB and 4 GiB less 64 KiB",
        got: Number.isFinite(memory) ? formatBytes(memory) : String(memory),
        remedy: "give for example 1GiB",
      });
    }
    this.budget = pages * pageBytes;
    this.build = build;
    this.memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
    this.buffer = this.memory.buffer;
    this.module = compile(build);
    this.exports = instantiate(this.module, this.memory);
    checkFusing(build, this.exports);
    this.#allocator = new Allocator(this.exports.__heap_base.value, this.budget);
  }

  get profile(): Profile {
    return this.build === "fused" ? "fused" : "strict";
  }

  /** Allocates `bytes` for `site`. Throws a MemoryError that prints the ledger if there is no room. */
  allocate(bytes: number, category: Category, site: string, place: "low" | "high" = "low"): Block {
    if (this.releasers.size > 0 && !this.fitsBelowPeak(bytes)) this.reclaim();
    let address = this.#allocator.take(taken({ bytes }), place);
    if (address === null && this.releasers.size > 0) {
      this.reclaim();
      address = this.#allocator.take(taken({ bytes }), place);
    }
    if (address === null) throw this.#outOfMemory(bytes, category, site);
    const block: Block = { address, bytes, category, site };
    this.#blocks.set(address, block);
    this.ledger.add(category, taken(block));
    return block;
  }

  /** Whether `bytes` more leave the peak as it is. */
  fitsBelowPeak(bytes: number): boolean {
    return this.ledger.total + taken({ bytes }) <= this.ledger.peakTotal;
  }

  /** Releases all memory that is held only to save time. */
  reclaim(): void {
    for (const release of this.releasers) release();
  }

  /** True if there is a free range of this many bytes. */
  fits(bytes: number): boolean {
    return this.#allocator.largest().bytes >= alignUp(bytes);
  }

  /**
   * Moves a block to another category: for example, an activation that only the backward pass still needs
   * becomes "saved".
   */
  recategorise(block: Block, category: Category): void {
    if (block.category === category) return;
    this.ledger.move(block.category, category, taken(block));
    block.category = category;
  }

  free(block: Block): void {
    if (this.#blocks.get(block.address) !== block) {
      throw new UsageError({
        where: `device.free(${block.site})`,
        expected: "a live block",
        got: "a block that has been freed",
        remedy: "free each block once",
      });
    }
    this.#blocks.delete(block.address);
    this.#allocator.give(block.address, taken(block));
    this.ledger.add(block.category, -taken(block));
  }

  /**
   * Lets `write` fill free space without knowing beforehand how much it needs, then keeps exactly what it used. It is
   * given rooms of at least `wanted` bytes each, `most` of them or as many as there are, or a single smaller one; it
   * returns the bytes written to each, −1 where they did not fit. Nothing else may allocate meanwhile. The kept blocks
   * are moved to the high end of the memory.
   */
  fill(
    category: Category,
    site: string,
    { wanted, most = 1 }: { wanted: number; most?: number },
    write: (rooms: readonly Room[]) => readonly number[],
  ): Block[] {
    this.reclaim();
    const space = this.#allocator.largest();
    const count = Math.max(1, Math.min(most, Math.floor(space.bytes / alignUp(wanted))));
    const bytes = Math.floor(space.bytes / count / alignment) * alignment;
    const rooms = Array.from({ length: count }, (_, i) => ({ address: space.address + i * bytes, bytes }));
    const written = write(rooms);
    const blocks: Block[] = [];
    // The highest first: so no block comes to lie on a room whose bytes have still to be moved.
    for (const [i, { address }] of [...rooms.entries()].reverse()) {
      const length = written[i]!;
      if (length < 0) throw this.#outOfMemory(wanted, category, site);
      // Counted before it is placed: source and target may overlap, and copyWithin allows for that.
      const block = this.allocate(length, category, site, "high");
      if (block.address !== address) this.bytes().copyWithin(block.address, address, address + length);
      blocks.unshift(block);
    }
    return blocks;
  }

  f32(block: Block): Float32Array {
    return new Float32Array(this.buffer, block.address, block.bytes >>> 2);
  }

  u8(block: Block): Uint8Array {
    return new Uint8Array(this.buffer, block.address, block.bytes);
  }

  /** The whole memory. */
  bytes(): Uint8Array {
    return new Uint8Array(this.buffer);
  }

  /** Blocks that are live now, in no order. */
  *blocks(): Iterable<Block> {
    yield* this.#blocks.values();
  }

  #outOfMemory(bytes: number, category: Category, site: string): MemoryError {
    const free = this.#allocator.freeBytes;
    const largest = this.#allocator.largest().bytes;
    const short =
      bytes > free
        ? `only ${formatBytes(free)} free`
        : `${formatBytes(free)} free but no piece over ${formatBytes(largest)}`;
    return new MemoryError({
      where: `${site} (${category})`,
      expected: `${formatBytes(bytes)} more of the device's ${formatBytes(this.budget)}`,
      got: `${short}; live: ${this.ledger}`,
      remedy: "use a smaller settings.batch, a larger settings.memory, or a settings.store that keeps less",
    });
  }
}

export { alignment };
