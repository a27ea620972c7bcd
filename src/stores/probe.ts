/**
 * A probe measures the errors of gradients. One step is back-propagated on the same batch and weights, several times
 * through the store under test and once through a plain one, and the gradients of all parameters are compared with what
 * the store's controller predicts. An error in what a convolution saved reaches its own weights alone; an error in what
 * batch normalisation saved also travels to all layers below.
 */
import type { Prediction } from "../engine/controller.js";
import type { Parameter } from "../engine/parameter.js";
import { PlainStore } from "../engine/store.js";
import { backward, type Engine } from "../engine/tape.js";
import type { Tensor } from "../engine/tensor.js";
import type { Module } from "../nn/index.js";
import { deriveSeed } from "../rng.js";

export interface ProbeRow {
  /** The name of the weight. */
  parameter: string;
  bound: number;
  /** The σ that is predicted of this bound in this step, with the noise that sites above have sent. */
  predicted: number;
  /** The part of it that is due to the site itself. */
  own: number;
  /** Root mean square of the gradient's error over the layer's weights and all draws. */
  measured: number;
  weights: number;
  /** The number of times that the step was compressed, each time with other random numbers. */
  draws: number;
  /** Errors of the weights' gradients ÷ their own channel's σ, for the histogram: evenly chosen, at most 2048. */
  standardized: number[];
}

/**
 * `forward` makes the loss of one and the same batch; it is called `draws` + 1 times. The errors of a layer share the few
 * directions of δ, so one draw of random numbers says little of a small layer, and several draws of one step say more.
 * Weights, momentum and running statistics are as before when this returns, and no gradient is left. Returns no rows if
 * the store predicts nothing.
 */
export function probe(engine: Engine, model: Module, forward: () => Tensor, draws = 6): ProbeRow[] {
  const { store, observer } = engine;
  const predictor = store.controller?.predict?.(deriveSeed(engine.stepSeed, "trace"));
  if (!predictor) return [];
  const compressed: Gradients[] = [];
  engine.observer = store.controller?.observer ?? null;
  for (store.draw = 1; store.draw <= (store.random ? draws : 1); store.draw++) {
    compressed.push(weightGradients(model, forward));
    predictor.drawn();
  }
  store.draw = 0;
  predictor.close();
  engine.observer = null;
  engine.store = new PlainStore();
  const exact = weightGradients(model, forward);
  engine.store = store;
  engine.observer = observer;
  return predictor.predictions().map((prediction) => {
    const truth = exact.get(prediction.parameter)!;
    const errors = compressed.map((found) =>
      found.get(prediction.parameter)!.map((value, i) => value - truth[i]!),
    );
    return rowOf(prediction, errors);
  });
}

function rowOf(
  { parameter, bound, sigma, own, channels }: Prediction,
  errors: readonly Float32Array[],
): ProbeRow {
  return {
    parameter: parameter.name,
    bound,
    predicted: sigma,
    own,
    draws: errors.length,
    ...statistics(errors, channels),
  };
}

/** `errors`: one array over the layer's weights for each draw. `sigma`: the prediction for each output channel. */
function statistics(errors: readonly Float32Array[], sigma: readonly number[]) {
  const weights = errors[0]!.length;
  const count = weights * errors.length;
  const squares = errors.reduce((total, draw) => draw.reduce((sum, e) => sum + e * e, total), 0);
  const standardized = evenly(count, 2048).map((i) => {
    const [draw, weight] = [Math.floor(i / weights), i % weights];
    const channel = Math.floor((weight * sigma.length) / weights);
    return Number((errors[draw]![weight]! / sigma[channel]!).toPrecision(4));
  });
  return {
    measured: Math.sqrt(squares / count),
    weights,
    standardized: standardized.filter(Number.isFinite),
  };
}

/** At most `most` of the indices below n, evenly spread. */
const evenly = (n: number, most: number): number[] =>
  Array.from({ length: Math.min(n, most) }, (_, i) => Math.floor((i * n) / Math.min(n, most)));

type Gradients = Map<Parameter, Float32Array>;

/** Back-propagates once and copies the gradients of the parameters. Nothing else is changed. */
export const weightGradients = (model: Module, forward: () => Tensor): Gradients =>
  fromGradients(model, forward, ({ data }) => data.slice());

/** Back-propagates once and reduces the gradient of each parameter to what `of` makes of it. Nothing else is changed. */
export function fromGradients<T>(
  model: Module,
  forward: () => Tensor,
  of: (gradient: Tensor) => T,
): Map<Parameter, T> {
  keepingStatistics(model, () => backward(forward()));
  const found = new Map<Parameter, T>();
  for (const parameter of model.allParameters()) {
    if (parameter.gradient === null) continue;
    found.set(parameter, of(parameter.gradient));
    parameter.gradient.dispose();
    parameter.gradient = null;
  }
  return found;
}

/** Restores the running statistics after `run`. */
export function keepingStatistics(model: Module, run: () => void): void {
  const buffers = [...model.modules()].flatMap((module) => Object.values(module.buffers));
  const before = buffers.map((buffer) => buffer.data.slice());
  run();
  buffers.forEach((buffer, i) => {
    buffer.data.set(before[i]!);
  });
}
