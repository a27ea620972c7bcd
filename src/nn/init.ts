/** How a layer gets its first weights. */
import type { Engine } from "../engine/tape.js";
import { Tensor } from "../engine/tensor.js";
import { createRng, type Rng } from "../rng.js";
import { NamedParameter } from "./module.js";

/** What layers are built with: the engine of their weights, and the source of the first values. */
export interface Builder {
  engine: Engine;
  /** Null: weights of unspecified content, to be filled from a file, or if only their shapes matter. */
  rng: Rng | null;
  /** One initialisation for all layers; null: each layer has its own. */
  init: Init | null;
}

export const build = (engine: Engine, seed: number, init: Init | null = null): Builder => ({
  engine,
  rng: createRng(seed).fork("weights"),
  init,
});

export const blank = (engine: Engine): Builder => ({ engine, rng: null, init: null });

export function filled({ engine }: Builder, shape: readonly number[], value: number, site: string): Tensor {
  const tensor = Tensor.empty(engine, shape, site, "parameters");
  engine.kernels.fill(tensor.data, value);
  return tensor;
}

/** U(−limit, limit). A uniform distribution needs no logarithm, so it has the same bits in every JavaScript engine. */
export function uniform(
  { engine, rng }: Builder,
  shape: readonly number[],
  limit: number,
  site: string,
): NamedParameter {
  const tensor = Tensor.empty(engine, shape, site, "parameters");
  const { data } = tensor;
  if (rng && limit > 0) for (let i = 0; i < data.length; i++) data[i] = (2 * rng.uniform() - 1) * limit;
  else if (rng) engine.kernels.fill(data, 0);
  return new NamedParameter(site, tensor);
}

/**
 * The distribution of the first weights, always uniform with mean 0:
 *
 *   "torch"     U(±1/√fanIn), PyTorch's default; the bias likewise
 *   "lecun"     variance 1/fanIn, three times that of "torch": keeps the variance of the signal through linear layers
 *               (LeCun et al., 1998)
 *   "he"        variance 2/fanIn: keeps the variance of the signal through ReLU layers (He et al., 2015)
 *   "fan-out"   variance 2/fanOut: keeps the variance of the gradient on its way back
 *   a number    this standard deviation
 *
 * With all but the first, the bias begins at 0. fanIn = C/groups·R·S, fanOut = K·R·S.
 */
export type Init = (typeof inits)[number] | number;

export const inits = ["torch", "lecun", "he", "fan-out"] as const;

/** The variance · fanIn; for "fan-out", the variance · fanOut. */
const variances = { torch: 1 / 3, lecun: 1, he: 2, "fan-out": 2 } as const;

export interface LayerOptions {
  bias?: boolean;
  init?: Init;
}

/** The limit of a uniform distribution is √3 times its standard deviation. */
export function limit(init: Init, fanIn: number, fanOut: number): number {
  if (typeof init === "number") return Math.sqrt(3) * init;
  return Math.sqrt((3 * variances[init]) / (init === "fan-out" ? fanOut : fanIn));
}

export const biasLimit = (init: Init, fanIn: number): number =>
  init === "torch" ? limit(init, fanIn, 0) : 0;
