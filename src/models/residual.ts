/**
 * The residual block (He et al., 2016): y = relu(main(x) + shortcut(x)). Without a shortcut module, x itself
 * is added.
 */

import type { Tensor } from "../engine/tensor.js";
import { Module, ReLU } from "../nn/index.js";
import { add } from "../ops/pointwise.js";

export class Residual extends Module {
  readonly #main: readonly Module[];
  readonly #shortcut: Module | null;
  readonly #relu: Module;

  /** Both are given with their children's names: `main` in order, and at most one `shortcut`. */
  constructor(main: Readonly<Record<string, Module>>, shortcut: Readonly<Record<string, Module>> = {}) {
    super();
    this.#main = Object.entries(main).map(([key, module]) => this.child(key, module));
    this.#shortcut = Object.entries(shortcut).map(([key, module]) => this.child(key, module))[0] ?? null;
    this.#relu = this.child("relu", new ReLU());
  }

  forward(x: Tensor): Tensor {
    const past = this.#shortcut ? this.#shortcut.forward(x.ref) : x.ref;
    const y = this.#main.reduce((z, module) => module.forward(z), x);
    return this.#relu.forward(add(y, past, `${this.path}.add`));
  }
}
