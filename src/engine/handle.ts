/** Handles: what an op gets from the store for each tensor that it saves. */
import type { Block, Device } from "../device/device.js";
import { FreedError } from "../error.js";
import type { Site } from "./parameter.js";
import { SavedTensor } from "./saved.js";

/** One op's share in a saved tensor. */
export interface Handle {
  readonly site: Site;
  /** Null once the handle was taken or dropped. */
  saved: SavedTensor | SavedBits | null;
}

/** Packed bits. A store keeps them as they are. */
export class SavedBits {
  readonly #device: Device;
  readonly #block: Block;

  constructor(device: Device, block: Block) {
    this.#device = device;
    this.#block = block;
    device.recategorise(block, "saved");
  }

  get bytes(): Uint8Array {
    return this.#device.u8(this.#block);
  }

  leave(): void {
    this.#device.free(this.#block);
  }
}

/** The saved tensor behind a handle; a FreedError if the handle was given up. */
export function tensorOf(handle: Handle): SavedTensor {
  if (!(handle.saved instanceof SavedTensor)) throw takenTwice(handle);
  return handle.saved;
}

const takenTwice = ({ site }: Handle): FreedError =>
  new FreedError({
    where: `store.take(${site.name})`,
    expected: "a handle that is taken for the first time",
    got: "one that was taken or dropped already",
    remedy: "put once for each take",
  });

/** The saved bits behind a handle; a FreedError if the handle was given up. */
export function bitsOf(handle: Handle): SavedBits {
  if (!(handle.saved instanceof SavedBits)) throw takenTwice(handle);
  return handle.saved;
}
