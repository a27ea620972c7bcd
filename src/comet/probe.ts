/**
 * A probe: the theory, looked at. One step is back-propagated twice on the same batch and weights, once through the
 * store under test and once through a plain one. Since only inputs of conv and linear layers are altered, and their
 * signs and zeros are kept, δ is the same in both, so the difference of the weight gradients is what the law speaks of.
 */
import type { Module } from "../nn.js";
import { backward, type Engine, type Observation, type Parameter } from "../op.js";
import { PlainStore } from "../store.js";
import type { Tensor } from "../tensor.js";
import type { Controller } from "./controller.js";
import { errorVariance } from "./law.js";

export interface ProbeRow {
  /** The weight's name. */
  parameter: string;
  bound: number;
  /** σ that the policy's equation expects of this bound in this step. */
  predicted: number;
  /** Root mean square of the gradient's error over the layer's weights. */
  measured: number;
  /** Mean of the gradient's error, in units of the measured σ: unbiased if within a few 1/√weights of 0. */
  bias: number;
  weights: number;
  /** Errors of the weights' gradients ÷ their own channel's σ, for the histogram: evenly chosen, at most 2048. */
  standardized: number[];
}

/**
 * `forward` makes the loss of one and the same batch; it is called twice. Weights, momentum and running statistics are
 * as before when this returns, and no gradient is left.
 */
export function probe(
  engine: Engine,
  controller: Controller,
  model: Module,
  forward: () => Tensor,
): ProbeRow[] {
  const { store, observer } = engine;
  const { collecting } = controller;
  controller.collecting = true;
  engine.observer = controller;
  const compressed = weightGradients(model, forward);
  engine.observer = null;
  engine.store = new PlainStore();
  const exact = weightGradients(model, forward);
  engine.store = store;
  engine.observer = observer;
  controller.collecting = collecting;
  const rows: ProbeRow[] = [];
  for (const { site, applied, observation } of controller.sites.values()) {
    if (site.parameter === null || applied === null || observation === null) continue;
    const [a, b] = [compressed.get(site.parameter)!, exact.get(site.parameter)!];
    rows.push(
      compare(site.parameter.name, applied, controller.policy.sigma(applied, observation), observation, a, b),
    );
  }
  return rows;
}

function compare(
  parameter: string,
  bound: number,
  predicted: number,
  { energy }: Observation,
  compressed: Float32Array,
  exact: Float32Array,
): ProbeRow {
  const error = Float64Array.from(compressed, (value, i) => value - exact[i]!);
  const measured = Math.sqrt(error.reduce((sum, e) => sum + e * e, 0) / error.length);
  const perChannel = error.length / energy.length;
  const sigma = (i: number) => Math.sqrt(errorVariance(bound) * energy[Math.floor(i / perChannel)]!);
  return {
    parameter,
    bound,
    predicted,
    measured,
    bias: error.reduce((sum, e) => sum + e, 0) / error.length / measured,
    weights: error.length,
    standardized: evenly(error.length, 2048)
      .map((i) => Number((error[i]! / sigma(i)).toPrecision(4)))
      .filter(Number.isFinite),
  };
}

/** At most `most` of the indices below n, evenly spread. */
const evenly = (n: number, most: number): number[] =>
  Array.from({ length: Math.min(n, most) }, (_, i) => Math.floor((i * n) / Math.min(n, most)));

/** Back-propagates once and takes the weights' gradients; nothing else is left changed. */
export function weightGradients(model: Module, forward: () => Tensor): Map<Parameter, Float32Array> {
  const buffers = [...model.modules()].flatMap((module) => Object.values(module.buffers));
  const before = buffers.map((buffer) => buffer.data.slice());
  backward(forward());
  buffers.forEach((buffer, i) => {
    buffer.data.set(before[i]!);
  });
  const gradients = new Map<Parameter, Float32Array>();
  for (const parameter of model.allParameters()) {
    if (parameter.gradient === null) continue;
    gradients.set(parameter, parameter.gradient.data.slice());
    parameter.gradient.dispose();
    parameter.gradient = null;
  }
  return gradients;
}
