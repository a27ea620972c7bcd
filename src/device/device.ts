/**
 * The device is one WebAssembly.Memory that stands for the accelerator's memory. It is created at its full
 * size and never grows, so no view ever detaches; pages that are not touched cost nothing. All tensors of
 * training live in it, so the ledger's peak is exact and running out of memory is real.
 *
 * Memory runs out only where the bytes do: where the free ones come in pieces that are too small, blocks move together.
 */
import { type MemoryError, UsageError } from "../error.js";
import { Allocator, alignment, alignUp, type Range } from "./allocator.js";
import { Block } from "./block.js";
import { compaction } from "./compaction.js";
import { gathering } from "./gathering.js";
import { Growth } from "./growth.js";
import {
  checkFusing,
  compile,
  type Exports,
  instantiate,
  type KernelBuild,
  type Profile,
} from "./kernel-module.js";
import { type Category, formatBytes, Ledger } from "./ledger.js";
import { memoryError } from "./shortage.js";

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

/** Makes NaN of those bytes of a range that are free, so that a stale view of them shows. */
function spoil(bytes: Uint8Array, free: readonly Range[], start: number, end: number): void {
  for (const range of free) {
    const [from, to] = [Math.max(range.start, start), Math.min(range.end, end)];
    if (from < to) bytes.fill(0xff, from, to);
  }
}

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
  /** How often blocks were moved together, and the bytes that were moved. */
  readonly compactions = { count: 0, bytes: 0 };
  /** What lowers the bytes of saved tensors, for the remedy of a MemoryError. */
  advice = "a settings.store that keeps less";
  /** Moves all that may move at each allocation: to show that nothing relies on where a block was. */
  restless = false;
  readonly #allocator: Allocator;
  readonly #blocks = new Set<Block>();
  readonly #clock = { op: 0 };
  readonly #growth = new Growth();
  /** The op that runs. */
  op = "";
  #largestBlock = 0;

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

  /**
   * An op begins, on this many images. Addresses and views that were read before are no longer valid. If the free bytes
   * would do for what the op allocates, but no piece of them is known to, blocks move together.
   */
  beginOp(op: string, images: number): void {
    this.#clock.op++;
    this.op = op;
    const wanted = this.#growth.begin(op, images, this.ledger.total) ?? 2 * this.#largestBlock;
    if (this.#allocator.largest().bytes < Math.min(wanted, this.#allocator.freeBytes)) this.#compact(wanted);
  }

  /** Allocates `bytes` for `site`. Throws a MemoryError that prints the ledger if there is no room. */
  allocate(bytes: number, category: Category, site: string, place: "low" | "high" = "low"): Block {
    this.makeRoom(bytes);
    if (this.restless) this.#compact(bytes);
    let start = this.#allocator.take(taken({ bytes }), place);
    if (start === null && this.releasers.size > 0) {
      this.reclaim();
      start = this.#allocator.take(taken({ bytes }), place);
    }
    if (start === null && taken({ bytes }) <= this.#allocator.freeBytes) {
      this.#compact(bytes);
      start = this.#allocator.take(taken({ bytes }), place);
    }
    if (start === null) throw this.#outOfMemory(bytes, category, site);
    return this.#place(start, bytes, category, site);
  }

  #place(start: number, bytes: number, category: Category, site: string): Block {
    const block = new Block(this.#clock, start, bytes, category, site);
    this.#blocks.add(block);
    this.ledger.add(category, taken(block));
    this.#growth.note(this.ledger.total);
    this.#largestBlock = Math.max(this.#largestBlock, taken(block));
    return block;
  }

  /** Whether `bytes` more leave the peak as it is. */
  fitsBelowPeak(bytes: number): boolean {
    return this.ledger.total + taken({ bytes }) <= this.ledger.peakTotal;
  }

  /** Releases memory that is held only to save time, the longest held first, until `bytes` more leave the peak as it is. */
  makeRoom(bytes: number): void {
    for (const release of this.releasers) {
      if (this.fitsBelowPeak(bytes)) return;
      release();
    }
  }

  /** Releases all memory that is held only to save time. */
  reclaim(): void {
    for (const release of this.releasers) release();
  }

  /**
   * Moves blocks together, but those whose addresses are in use, for a piece of `wanted` bytes: as few as will do, or all
   * if these bytes are too many or the device is restless.
   */
  #compact(wanted: number): void {
    const blocks = [...this.#blocks].sort((a, b) => a.start - b.start);
    const request = [blocks, taken, this.#allocator.whole, alignUp(wanted)] as const;
    const { moves, free } = (this.restless ? null : gathering(...request)) ?? compaction(...request);
    const bytes = this.bytes();
    for (const { block, from, to } of moves) {
      bytes.copyWithin(to, from, from + block.bytes);
      block.start = to;
      this.compactions.bytes += block.bytes;
    }
    this.compactions.count++;
    if (this.restless) for (const { block, from } of moves) spoil(bytes, free, from, from + block.bytes);
    this.#allocator.reset(free);
  }

  /** The number of ops that have begun. */
  get ops(): number {
    return this.#clock.op;
  }

  get freeBytes(): number {
    return this.#allocator.freeBytes;
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
    if (!this.#blocks.delete(block)) {
      throw new UsageError({
        where: `device.free(${block.site})`,
        expected: "a live block",
        got: "a block that has been freed",
        remedy: "free each block once",
      });
    }
    this.#allocator.give(block.start, taken(block));
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
    if (this.restless || !this.fits(wanted)) this.#compact(wanted);
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
      // There is room for it, and no block may move onto a room. Source and target may overlap.
      const start = this.#allocator.take(taken({ bytes: length }), "high")!;
      const block = this.#place(start, length, category, site);
      if (start !== address) this.bytes().copyWithin(start, address, address + length);
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

  /** The bytes for use before the next allocation, which may move the block, unlike a block that `u8` has shown. */
  glance({ start, bytes }: Block): Uint8Array {
    return new Uint8Array(this.buffer, start, bytes);
  }

  /** The whole memory. */
  bytes(): Uint8Array {
    return new Uint8Array(this.buffer);
  }

  /** Blocks that are live now, in no order. */
  *blocks(): Iterable<Block> {
    yield* this.#blocks;
  }

  #outOfMemory(bytes: number, category: Category, site: string): MemoryError {
    return memoryError({
      wanted: { bytes, category, site },
      free: this.#allocator.freeBytes,
      largest: this.#allocator.largest().bytes,
      budget: this.budget,
      live: this.ledger.live,
      advice: this.advice,
    });
  }
}

export type { Block };
export { alignment };
