/**
 * GACT's bits. The sensitivity of a tensor is measured with three more passes over the batch, the other tensors as they
 * are: the gradients g₀ and g₁ of all parameters with 1 bit and two seeds, and g₂ with 8 bits;
 *
 *   c = max(‖g₀ − g₁‖², 2‖g₀ − g₂‖², 2‖g₁ − g₂‖²), at most 10^10
 *
 * The bits then make Σ c/(2^b − 1)² small within the average (bit-allocation.ts). It is measured before the first step
 * and from then on at an interval.
 */
import type { BackwardObserver } from "../engine/application.js";
import type { StoreController, Trial } from "../engine/controller.js";
import type { Parameter } from "../engine/parameter.js";
import { allocateBits } from "./bit-allocation.js";

/** From a raw value down. */
export const gactLadder = [32, 8, 4, 2, 1] as const;

const mostSensitive = 1e10;

interface Known {
  size: number;
  sensitivity: number;
  bits: number;
}

type Gradients = Map<Parameter, Float32Array>;

/** A parameter that several ops use gets several parts of its gradient. */
function add(gradients: Gradients, parameter: Parameter, part: Float32Array): void {
  const before = gradients.get(parameter);
  gradients.set(parameter, before ? before.map((value, i) => value + part[i]!) : part.slice());
}

/** ‖a − b‖² over all parameters. */
function distance(a: Gradients, b: Gradients): number {
  let sum = 0;
  for (const [parameter, values] of a) {
    const others = b.get(parameter)!;
    for (let i = 0; i < values.length; i++) sum += (values[i]! - others[i]!) ** 2;
  }
  return sum;
}

/** The sensitivity that three gradients show. */
export function sensitivityOf(g0: Gradients, g1: Gradients, g2: Gradients): number {
  const found = Math.max(distance(g0, g1), 2 * distance(g0, g2), 2 * distance(g1, g2));
  return Number.isNaN(found) ? mostSensitive : Math.min(found, mostSensitive);
}

export class GactController implements StoreController {
  readonly average: number;
  readonly every: number;
  /** By the names of a tensor's sites. */
  readonly #tensors = new Map<string, Known>();
  /** The number of steps that have begun. */
  #steps = 0;
  #probed: { name: string; bits: number; salt: number } | null = null;
  /** The gradients of the pass that runs now, if it is one that measures. */
  #gradients: Gradients | null = null;
  readonly observer: BackwardObserver = {
    visit: () => {
      const gradients = this.#gradients;
      return (
        gradients && { parameter: (parameter, { data }) => add(gradients, parameter, data), inputs() {} }
      );
    },
    end() {},
  };

  /** `every`: the steps from one measurement to the next; 0 for none. */
  constructor(average: number, every: number) {
    this.average = average;
    this.every = every;
  }

  /** The bits of a tensor that is packed now; `salt` changes its random numbers. */
  bitsOf(name: string, size: number): { bits: number; salt: number } {
    const start = gactLadder.find((bits) => bits <= this.average)!;
    const known = this.#tensors.get(name) ?? { sensitivity: 0, bits: start };
    this.#tensors.set(name, { ...known, size });
    if (this.#probed?.name === name) return this.#probed;
    return { bits: known.bits, salt: 0 };
  }

  prepare(trial: Trial): null {
    if (this.every === 0 || this.#steps % this.every !== 0) return null;
    // The first pass tells the names.
    if (this.#tensors.size === 0) trial.backPropagate(trial.images);
    const names = [...this.#tensors.keys()];
    for (const name of names) {
      const [g0, g1, g2] = [
        { bits: 1, salt: 1 },
        { bits: 1, salt: 2 },
        { bits: 8, salt: 3 },
      ].map((probed) => {
        this.#probed = { name, ...probed };
        const gradients: Gradients = new Map();
        this.#gradients = gradients;
        trial.backPropagate(trial.images);
        this.#gradients = null;
        return gradients;
      });
      this.#tensors.get(name)!.sensitivity = sensitivityOf(g0!, g1!, g2!);
    }
    this.#probed = null;
    const tensors = [...this.#tensors.values()];
    const sizes = tensors.map(({ size }) => size);
    const total = sizes.reduce((sum, size) => sum + size, 0);
    const bits = allocateBits(
      tensors.map(({ sensitivity }) => sensitivity),
      sizes,
      total * this.average,
      gactLadder,
    );
    tensors.forEach((tensor, i) => {
      tensor.bits = bits[i]!;
    });
    return null;
  }

  begin(): void {
    this.#steps++;
  }

  state(): unknown {
    return {
      steps: this.#steps,
      tensors: [...this.#tensors].map(([name, known]) => ({ name, ...known })),
    };
  }

  restore(state: unknown): void {
    const { steps, tensors } = state as { steps: number; tensors: ({ name: string } & Known)[] };
    this.#steps = steps;
    this.#tensors.clear();
    for (const { name, ...known } of tensors) this.#tensors.set(name, known);
  }
}
