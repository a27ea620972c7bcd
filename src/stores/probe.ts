/**
 * A probe measures the errors of gradients. One step is back-propagated on the same batch and weights, several times
 * through the store under test and once through a plain one, and the gradients of all parameters are compared: with one
 * another, and with what the store's controller predicts, if it predicts anything. An error in what a convolution saved
 * reaches its own weights alone; an error in what batch normalisation saved also travels to all layers below.
 */
import type { Prediction } from "../engine/controller.js";
import type { GradientReceiver } from "../engine/gradients.js";
import type { Parameter } from "../engine/parameter.js";
import { PlainStore } from "../engine/store.js";
import { backward, type Engine } from "../engine/tape.js";
import type { Tensor } from "../engine/tensor.js";
import type { Module } from "../nn/index.js";
import { deriveSeed } from "../rng.js";
import type { GradientErrors } from "./gradient-error.js";

/** What a controller predicts of one weight; all null where it predicts nothing. */
interface Predicted {
  bound: number | null;
  /** The σ that is predicted of this bound in this step, with the noise that sites above have sent. */
  predicted: number | null;
  /** The part of it that is due to the site itself. */
  own: number | null;
}

export interface ProbeRow extends Predicted {
  /** The name of the weight. */
  parameter: string;
  /** Root mean square of the gradient's error over the layer's weights and all draws. */
  measured: number;
  weights: number;
  /** The number of times that the step was compressed, each time with other random numbers. */
  draws: number;
  /**
   * Errors of the weights' gradients ÷ their own channel's predicted σ, for the histogram: evenly chosen, at most 2048.
   * None without a prediction.
   */
  standardized: number[];
}

/** A row of a weight whose error was predicted. */
export type PredictedRow = ProbeRow & { bound: number; predicted: number; own: number };

export const isPredicted = (row: ProbeRow): row is PredictedRow => row.predicted !== null;

/**
 * `forward` makes the loss of one and the same batch; it is called `draws` + 1 times. The errors of a layer share the few
 * directions of δ, so one draw of random numbers says little of a small layer, and several draws of one step say more.
 * Weights, momentum and running statistics are as before when this returns, and no gradient is left. The weights whose
 * errors are predicted come first. `errors` is given each error with the exact gradient.
 */
export function probe(
  engine: Engine,
  model: Module,
  forward: () => Tensor,
  draws = 6,
  errors: GradientErrors | null = null,
): ProbeRow[] {
  const { store, observer } = engine;
  const predictor = store.controller?.predict?.(deriveSeed(engine.stepSeed, "trace")) ?? null;
  const compressed: Gradients[] = [];
  // The observer of a controller that does not predict sees the passes of training alone.
  engine.observer = predictor ? (store.controller?.observer ?? null) : null;
  for (store.draw = 1; store.draw <= (store.random ? draws : 1); store.draw++) {
    compressed.push(weightGradients(model, forward));
    predictor?.drawn();
  }
  store.draw = 0;
  predictor?.close();
  engine.observer = null;
  engine.store = new PlainStore();
  const exact = weightGradients(model, forward);
  engine.store = store;
  engine.observer = observer;
  const wrong = new Map(
    [...exact].map(([parameter, truth]) => [parameter, errorsOf(parameter, truth, compressed)]),
  );
  for (const [parameter, all] of wrong) {
    for (const error of all) errors?.add(parameter.name, error, exact.get(parameter)!);
  }
  const predictions = new Map(
    predictor?.predictions().map((prediction) => [prediction.parameter, prediction]),
  );
  const parameters = new Set([...predictions.keys(), ...exact.keys()]);
  return [...parameters].map((parameter) =>
    rowOf(parameter.name, predictions.get(parameter) ?? null, wrong.get(parameter)!),
  );
}

/** One array for each draw. */
const errorsOf = (parameter: Parameter, truth: Float32Array, draws: readonly Gradients[]): Float32Array[] =>
  draws.map((found) => found.get(parameter)!.map((value, i) => value - truth[i]!));

function rowOf(parameter: string, prediction: Prediction | null, errors: readonly Float32Array[]): ProbeRow {
  const { bound = null, sigma: predicted = null, own = null, channels = [] } = prediction ?? {};
  return { parameter, bound, predicted, own, draws: errors.length, ...statistics(errors, channels) };
}

/**
 * `errors`: one array over the layer's weights for each draw. `sigma`: the prediction for each output channel; empty if
 * there is none.
 */
function statistics(errors: readonly Float32Array[], sigma: readonly number[]) {
  const weights = errors[0]!.length;
  const count = weights * errors.length;
  const squares = errors.reduce((total, draw) => draw.reduce((sum, e) => sum + e * e, total), 0);
  const standardized = evenly(sigma.length > 0 ? count : 0, 2048).map((i) => {
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
  fromGradients(model, forward, { whole: true, of: ({ data }) => data.slice() });

/**
 * Back-propagates once and reduces the gradient of each parameter to what `of` makes of it. Unless `whole`, the gradient may
 * come in pieces; then `before` is what `of` has made of those before. Nothing else is changed.
 */
export function fromGradients<T>(
  model: Module,
  forward: () => Tensor,
  { whole, of }: { whole: boolean; of: (gradient: Tensor, before: T | undefined) => T },
): Map<Parameter, T> {
  const found = new Map<Parameter, T>();
  const receiver: GradientReceiver = {
    whole,
    receive(parameter, gradient) {
      found.set(parameter, of(gradient, found.get(parameter)));
      gradient.dispose();
    },
  };
  keepingStatistics(model, () => backward(forward(), receiver));
  return new Map(
    [...model.allParameters()].flatMap((parameter): [Parameter, T][] =>
      found.has(parameter) ? [[parameter, found.get(parameter)!]] : [],
    ),
  );
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
