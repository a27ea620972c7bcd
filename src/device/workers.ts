/**
 * The team that runs kernels: the calling thread and its workers, all on the device's one memory.
 */

import type { Device } from "./device.js";
import type { Kernel } from "./module.js";

export class Team {
  readonly #device: Device;

  constructor(device: Device) {
    this.#device = device;
  }

  /** How many threads share the work, the calling one included. */
  get size(): number {
    return 1;
  }

  /** One call on the calling thread. */
  call(kernel: string, args: readonly number[]): number {
    return (this.#device.exports[kernel] as Kernel)(...args);
  }

  /** At most one call a thread, at the same time; returns their results in order. */
  run(kernel: string, calls: readonly (readonly number[])[]): number[] {
    return calls.map((args) => this.call(kernel, args));
  }
}
