/**
 * Σx² over values that come part by part, with the bits of the sum over all of them at once. Long sums are taken in blocks
 * (src/kernels/reference/order.ts), and parts need not end where blocks do. So what is left of a part waits for the next.
 */

import { blockLength } from "../kernels/reference/order.js";
import { type Machine, Tensor } from "./tensor.js";

/** The most values that are copied at a time. */
const atOnce = 1 << 17;

export class RunningSquares {
  readonly #engine: Machine;
  #blocks = 0;
  /** Less than a block. */
  #left = new Float32Array();

  constructor(engine: Machine) {
    this.#engine = engine;
  }

  add(part: Float32Array): void {
    for (let start = 0; start < part.length; start += atOnce) {
      const values = part.subarray(start, start + atOnce);
      const { length } = this.#left;
      const all = Tensor.empty(this.#engine, [length + values.length], "running squares", "workspace");
      all.data.set(this.#left);
      all.data.set(values, length);
      const whole = all.size - (all.size % blockLength);
      this.#blocks = this.#engine.kernels.sumSquares(all.data.subarray(0, whole), this.#blocks);
      this.#left = all.data.slice(whole);
      all.dispose();
    }
  }

  get sum(): number {
    const left = Tensor.from(this.#engine, this.#left, [this.#left.length], "running squares");
    const sum = this.#engine.kernels.sumSquares(left.data, this.#blocks);
    left.dispose();
    return sum;
  }
}
