/**
 * Sites that have no weights: an error in what they saved does nothing but travel upstream, in the gradient that they
 * pass on. What they tell of it, and how a probe follows it.
 */
import type { Observation } from "../engine/op.js";
import type { Tensor } from "../engine/tensor.js";
import type { ErrorDraw } from "../noise/tracer.js";

/** `noise`: see Upstream; `signal`: mean square of the gradient passed on. */
export const travelling = (batch: number, noise: number, signal: number): Omit<Observation, "arrived"> => ({
  energy: new Float32Array(),
  signal: 0,
  meanLoss: Number.NaN,
  nonZero: 1,
  batch,
  received: 0,
  upstream: { noise, gated: 0, signal },
});

/** One draw of the errors that a saved error of 1 makes, value by value; in place. */
export function drawn(errors: Tensor, { sigma, sign }: ErrorDraw): Tensor {
  const { data } = errors;
  for (let i = 0; i < data.length; i++) data[i]! *= sign(i) * sigma;
  return errors;
}
