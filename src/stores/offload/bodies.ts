/** What holds a saved tensor in the device: values, or the blocks of frames. */
import type { Block, Device } from "../../device/device.js";
import { imagesOf, type Packed } from "../../engine/packed.js";
import { Tensor } from "../../engine/tensor.js";
import type { Body } from "./shuttle.js";

/** The bytes of a tensor. */
const bytesOf = ({ engine, storage }: Tensor): Uint8Array => engine.device.u8(storage.block);

/** A tensor as it is. */
export class Values implements Body {
  readonly bytes: number;
  readonly shape: readonly number[];
  readonly #site: string;
  readonly #engine: Tensor["engine"];
  #tensor: Tensor | null;

  /** Takes ownership of `tensor`. */
  constructor(tensor: Tensor) {
    const { block } = tensor.storage;
    this.#engine = tensor.engine;
    this.#engine.device.recategorise(block, "saved");
    this.#tensor = tensor;
    this.#site = block.site;
    this.bytes = 4 * tensor.size;
    this.shape = tensor.shape;
  }

  views(): Uint8Array[] {
    return [bytesOf(this.#tensor!)];
  }

  release(): void {
    this.#tensor?.dispose();
    this.#tensor = null;
  }

  restore(): Uint8Array[] {
    this.#tensor = Tensor.empty(this.#engine, this.shape, this.#site, "saved");
    return this.views();
  }

  images(first: number, count: number): Tensor {
    return imagesOf(this.#tensor!, first, count);
  }
}

/** Blocks that a packed tensor reads by their places in an array. */
export class Blocks implements Body {
  readonly bytes: number;
  readonly #device: Device;
  readonly #blocks: Block[];
  #away: readonly Block[] = [];

  constructor(device: Device, blocks: Block[]) {
    this.#device = device;
    this.#blocks = blocks;
    this.bytes = blocks.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  views(): Uint8Array[] {
    return this.#blocks.map((block) => this.#device.u8(block));
  }

  release(): void {
    this.#away = this.#blocks.splice(0);
    for (const block of this.#away) this.#device.free(block);
  }

  restore(): Uint8Array[] {
    try {
      for (const { bytes, site } of this.#away) {
        this.#blocks.push(this.#device.allocate(bytes, "saved", site, "high"));
      }
    } catch (error) {
      for (const block of this.#blocks.splice(0)) this.#device.free(block);
      throw error;
    }
    return this.views();
  }
}

/** Values that come back before they are used. */
export class MovedValues implements Packed {
  readonly kind = "raw";
  readonly bytes = 0;
  readonly images: number;
  readonly #values: Values;
  readonly #need: () => void;
  readonly #gone: () => void;

  constructor(values: Values, need: () => void, gone: () => void) {
    this.#values = values;
    this.#need = need;
    this.#gone = gone;
    this.images = values.shape[0] ?? 1;
  }

  range(first: number, count: number): Tensor {
    this.#need();
    return this.#values.images(first, count);
  }

  free(): void {
    this.#gone();
    this.#values.release();
  }
}

/** The calls that read what is packed. */
const readers = ["range", "rectified", "gate"] as const;

/** The same packed tensor, which now calls `need` before it is read and `gone` before it is freed. */
export function movedFrames(packed: Packed, need: () => void, gone: () => void): Packed {
  for (const reader of readers) {
    const read = packed[reader] as ((...args: unknown[]) => unknown) | undefined;
    if (!read) continue;
    const reading = (...args: unknown[]) => {
      need();
      return read.apply(packed, args);
    };
    Object.assign(packed, { [reader]: reading });
  }
  const free = packed.free.bind(packed);
  const freeing = () => {
    gone();
    free();
  };
  return Object.assign(packed, { free: freeing, bytes: 0 });
}
