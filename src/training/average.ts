/**
 * The exponential moving average of a network's state: a ← a + (1 − decay)·(w − a) after each step, a = w before the first.
 * Tests then see the average; training goes on with the weights themselves.
 */

import type { Engine } from "../engine/tape.js";
import { Tensor } from "../engine/tensor.js";
import type { Module } from "../nn/index.js";

/** Elements that are exchanged at a time. */
const atOnce = 1 << 16;

export class Average {
  readonly #engine: Engine;
  readonly #decay: number;
  /** A tensor of the model, and its average. */
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

  /** After the optimiser's step. */
  update(): void {
    for (const { now, average } of this.#pairs.values()) {
      this.#engine.kernels.blend(average.data, now.data, 1 - this.#decay);
    }
  }

  /** Exchanges the model's state and its average; doing it twice undoes it. */
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

  /** Borrowed. */
  *state(): Iterable<[string, Tensor]> {
    for (const [name, { average }] of this.#pairs) yield [name, average];
  }

  /** Takes up the averages of another of the same model. */
  restore(averages: ReadonlyMap<string, Float32Array>): void {
    for (const [name, { average }] of this.#pairs) average.data.set(averages.get(name)!);
  }
}
