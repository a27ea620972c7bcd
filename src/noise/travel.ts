/**
 * Sites without weights: an error in what they saved only travels upstream, in the gradient that they pass on. This file
 * has what such a site reports, and how a probe follows its error.
 */
import type { ErrorDraw, Observation } from "../engine/noise.js";
import type { Tensor } from "../engine/tensor.js";

/** `noise`: see Upstream. `signal`: the mean square of the gradient that is passed on. */
export const travelling = (batch: number, noise: number, signal: number): Omit<Observation, "arrived"> => ({
  energy: new Float32Array(),
  signal: 0,
  meanLoss: Number.NaN,
  nonZero: 1,
  batch,
  deltaGain: 0,
  upstream: { noise, gated: 0, signal },
});

/** From what a saved error of 1 does to each value: one draw of the errors, in place. */
export function drawn(errors: Tensor, { sigma, sign }: ErrorDraw): Tensor {
  const { data } = errors;
  for (let i = 0; i < data.length; i++) data[i]! *= sign(i) * sigma;
  return errors;
}
