/**
 * A probe: the theory, looked at. One step is back-propagated on the same batch and weights through the store under
 * test and through a plain one, and the gradients of all parameters are compared. An error in what a convolution saved
 * reaches its own weights alone; one in what batch normalisation saved also travels, to all layers below.
 */

import { backward, type Engine, type Parameter } from "../engine/op.js";
import { PlainStore } from "../engine/store.js";
import type { Tensor } from "../engine/tensor.js";
import type { Module } from "../nn/index.js";
import { createRng, deriveSeed } from "../rng.js";
import { errorVariance } from "./law.js";
import type { CometStore } from "./store.js";
import { Trace } from "./trace.js";

export interface ProbeRow {
  /** The weight's name. */
  parameter: string;
  bound: number;
  /** σ that the policy's equation expects of this bound in this step, with what sites above have sent. */
  predicted: number;
  /** The part of that which is the site's own doing. */
  own: number;
  /** Root mean square of the gradient's error over the layer's weights and all draws. */
  measured: number;
  weights: number;
  /** How often the step was compressed anew, with other dither. */
  draws: number;
  /** Errors of the weights' gradients ÷ their own channel's σ, for the histogram: evenly chosen, at most 2048. */
  standardized: number[];
}

/**
 * `forward` makes the loss of one and the same batch; it is called `draws` + 1 times. A layer's errors share the few
 * directions of δ, so one draw of the dither says little of a small layer; several of one step say more. Weights,
 * momentum and running statistics are as before when this returns, and no gradient is left.
 */
export function probe(
  engine: Engine,
  comet: CometStore,
  model: Module,
  forward: () => Tensor,
  draws = 6,
): ProbeRow[] {
  const { observer } = engine;
  const { controller } = comet;
  const { collecting, plan } = controller;
  if (plan) plan.paused = true;
  controller.collecting = true;
  engine.observer = controller;
  const compressed: Gradients[] = [];
  const trace = new Trace(controller, createRng(deriveSeed(engine.stepSeed, "trace")));
  engine.tracer = trace;
  // Without dither every draw would be the same.
  for (comet.draw = 1; comet.draw <= (comet.quantizer === "dithered" ? draws : 1); comet.draw++) {
    compressed.push(weightGradients(model, forward));
    trace.drawn();
  }
  comet.draw = 0;
  engine.tracer = null;
  engine.observer = null;
  engine.store = new PlainStore();
  const exact = weightGradients(model, forward);
  engine.store = comet;
  engine.observer = observer;
  controller.collecting = collecting;
  if (plan) plan.paused = false;
  const rows: ProbeRow[] = [];
  for (const { site, applied, observation } of controller.sites.values()) {
    const { parameter } = site;
    if (parameter === null || applied === 0 || observation === null) continue;
    const truth = exact.get(parameter)!;
    const errors = compressed.map((found) => found.get(parameter)!.map((value, i) => value - truth[i]!));
    const own = controller.policy.sigma(applied, observation);
    const received = trace.variance(parameter, observation.energy.length);
    rows.push({
      parameter: parameter.name,
      bound: applied,
      predicted: Math.sqrt(Math.max(0, own ** 2 + received.reduce((a, b) => a + b) / received.length)),
      own,
      draws: errors.length,
      ...statistics(
        errors,
        received.map((variance, k) =>
          Math.sqrt(Math.max(0, variance + errorVariance(applied) * observation.energy[k]!)),
        ),
      ),
    });
  }
  return rows;
}

/** `errors`: one array over the layer's weights for each draw. `sigma`: what is predicted of each output channel. */
function statistics(errors: readonly Float32Array[], sigma: Float64Array) {
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

/** Back-propagates once and takes the weights' gradients; nothing else is left changed. */
export function weightGradients(model: Module, forward: () => Tensor): Gradients {
  keepingStatistics(model, () => backward(forward()));
  const gradients: Gradients = new Map();
  for (const parameter of model.allParameters()) {
    if (parameter.gradient === null) continue;
    gradients.set(parameter, parameter.gradient.data.slice());
    parameter.gradient.dispose();
    parameter.gradient = null;
  }
  return gradients;
}

/** Running statistics are what they were, after. */
export function keepingStatistics(model: Module, run: () => void): void {
  const buffers = [...model.modules()].flatMap((module) => Object.values(module.buffers));
  const before = buffers.map((buffer) => buffer.data.slice());
  run();
  buffers.forEach((buffer, i) => {
    buffer.data.set(before[i]!);
  });
}
