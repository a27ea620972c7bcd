/**
 * The exponential moving average of a network's state: a ← a + (1 − decay)·(w − a) after each step, with a = w before
 * the first. Evaluation uses the average; training uses the weights themselves.
 */

import type { Engine } from "../engine/tape.js";
import { Tensor } from "../engine/tensor.js";
import type { Module } from "../nn/index.js";

/** The number of values that are exchanged at a time. */
const atOnce = 1 << 16;

export class Average {
  readonly #engine: Engine;
  readonly #decay: number;
  /** The tensors of the model, each with its average. */
  readonly #pairs: ReadonlyMap<string, { now: Tensor; average: Tensor }>;

  constructor(engine: Engine, model: Module, decay: number) {
    this.#engine = engine;
    this.#decay = decay;
    this.#pairs = new Map(
      [...model.state()].map(([name, now]) => {
        const average = Tensor.empty(engine, now.shape, `${name} average`, "optimiser");
        average.data.set(now.data);
        return [name, { now, average }];
      }),
    );
  }

  /** Called after the optimiser's step. */
  update(): void {
    for (const { now, average } of this.#pairs.values()) {
      this.#engine.kernels.blend(average.data, now.data, 1 - this.#decay);
    }
  }

  /** Exchanges the model's state and its average. A second call undoes the first. */
  swap(): void {
    for (const { now, average } of this.#pairs.values()) {
      for (let start = 0; start < now.size; start += atOnce) {
        const [a, b] = [now, average].map(({ data }) => data.subarray(start, start + atOnce)) as [
          Float32Array,
          Float32Array,
        ];
        const held = a.slice();
        a.set(b);
        b.set(held);
      }
    }
  }

  /** The averages by name, borrowed. */
  *state(): Iterable<[string, Tensor]> {
    for (const [name, { average }] of this.#pairs) yield [name, average];
  }

  /** Continues from the averages of another run of the same model. */
  restore(averages: ReadonlyMap<string, Float32Array>): void {
    for (const [name, { average }] of this.#pairs) average.data.set(averages.get(name)!);
  }
}
