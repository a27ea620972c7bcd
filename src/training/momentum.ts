/**
 * The momentum of one parameter, in float32 or in bfloat16.
 *
 * In bfloat16 it is rounded to nearest after each step; the step itself is computed in float32. With u = 2^−8, each rounding
 * is off by at most u·|m|, so the momentum itself by at most u·max|m|/(1 − μ). docs/decisions/transients.md has the law.
 */
import type { Block } from "../device/device.js";
import { Tensor } from "../engine/tensor.js";
import type { Kernels } from "../kernels/kernels.js";
import { smallFloatBytes } from "../kernels/small-float.js";

export const momentumTypes = ["float32", "bfloat16"] as const;
export type MomentumType = (typeof momentumTypes)[number];

/** As a checkpoint holds it. In bfloat16, `data` is a copy. */
export interface SavedMomentum {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

export interface Momentum extends SavedMomentum {
  /** Lends the values from `first` on, in order and in parts of at most `count` together. What is written to a part is kept. */
  change(first: number, count: number, use: (part: Float32Array, first: number) => void): void;
  /** Σ|m|. */
  sumAbs(): number;
  set(values: Float32Array): void;
}

type Engine = Tensor["engine"];

/** The bytes of the momentum of parameters that take so many bytes. */
export const momentumBytes = (parameterBytes: number, type: MomentumType): number =>
  type === "bfloat16" ? parameterBytes / 2 : parameterBytes;

/** All zero. */
export function momentumOf(
  engine: Engine,
  shape: readonly number[],
  name: string,
  type: MomentumType,
): Momentum {
  return type === "float32" ? new Whole(engine, shape, name) : new Narrow(engine, shape, name);
}

class Whole implements Momentum {
  readonly shape: readonly number[];
  readonly #kernels: Kernels;
  readonly #values: Tensor;

  constructor(engine: Engine, shape: readonly number[], name: string) {
    this.shape = shape;
    this.#kernels = engine.kernels;
    this.#values = Tensor.empty(engine, shape, name, "optimiser");
    engine.kernels.fill(this.#values.data, 0);
  }

  /** The values themselves. */
  get data(): Float32Array {
    return this.#values.data;
  }

  change(first: number, count: number, use: (part: Float32Array, first: number) => void): void {
    use(this.data.subarray(first, first + count), first);
  }

  sumAbs(): number {
    return this.#kernels.sumAbs(this.data);
  }

  set(values: Float32Array): void {
    this.data.set(values);
  }
}

/** The values that are in float32 at a time: an even number of whole blocks of long sums. */
const atOnce = 1 << 16;

class Narrow implements Momentum {
  readonly shape: readonly number[];
  readonly #engine: Engine;
  readonly #name: string;
  readonly #size: number;
  readonly #block: Block;

  constructor(engine: Engine, shape: readonly number[], name: string) {
    this.shape = shape;
    this.#engine = engine;
    this.#name = name;
    this.#size = shape.reduce((product, extent) => product * extent, 1);
    this.#block = engine.device.allocate(smallFloatBytes(this.#size, "bf16"), "optimiser", name);
    this.#codes.fill(0);
  }

  /** Valid until the next op begins, as all views are. */
  get #codes(): Uint8Array {
    return this.#engine.device.u8(this.#block);
  }

  get data(): Float32Array {
    const all = new Float32Array(this.#size);
    this.#parts(0, this.#size, (part, first) => all.set(part, first));
    return all;
  }

  change(first: number, count: number, use: (part: Float32Array, first: number) => void): void {
    this.#parts(first, count, (part, at, codes) => {
      use(part, at);
      this.#engine.kernels.narrowFloats(codes, part, "bf16");
    });
  }

  sumAbs(): number {
    let sum = 0;
    this.#parts(0, this.#size, (part) => {
      sum = this.#engine.kernels.sumAbs(part, sum);
    });
    return sum;
  }

  set(values: Float32Array): void {
    this.change(0, this.#size, (part, first) => part.set(values.subarray(first, first + part.length)));
  }

  /** `first` is even: two codes share a word. */
  #parts(
    first: number,
    count: number,
    use: (part: Float32Array, first: number, codes: Uint8Array) => void,
  ): void {
    const { kernels } = this.#engine;
    const wide = Tensor.empty(this.#engine, [Math.min(count, atOnce)], this.#name, "workspace");
    const all = this.#codes;
    for (let at = first; at < first + count; at += atOnce) {
      const part = wide.data.subarray(0, Math.min(atOnce, first + count - at));
      const codes = all.subarray(2 * at, 2 * at + smallFloatBytes(part.length, "bf16"));
      kernels.widenFloats(part, codes, "bf16", { first: 0, count: part.length });
      use(part, at, codes);
    }
    wide.dispose();
  }
}
