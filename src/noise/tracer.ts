/**
 * Follows errors down the tape, beside the gradients. A backward pass is linear in δ, so an op passes an error in δ on by
 * its own backward; a site adds what its law says of the error of what it saved, at one standard deviation and with
 * signs at random. So the square of what arrives at a gradient has the predicted variance for its mean.
 */
import type { Parameter, Site } from "../engine/op.js";
import type { Tensor } from "../engine/tensor.js";

export interface Tracer {
  /** The error of what a site saved; null if that is exact. `origin`: the one tensor that is kept for it, if it is one. */
  draw(site: Site, origin: object | null): ErrorDraw | null;
  /** What has arrived at a parameter's gradient; consumes it. */
  receive(parameter: Parameter, error: Tensor): void;
  /** What the site itself adds to that, where both come of the same draw. */
  add(parameter: Parameter, error: Float32Array): void;
}

export interface ErrorDraw {
  /** Standard deviation of the saved values' error. */
  readonly sigma: number;
  /** The same where δ = 0. */
  readonly gated: number;
  /** Whether another site above has drawn the errors of the same tensor. */
  readonly again: boolean;
  /** +1 or −1 at random, of value i of what is kept: the same for all that are made from it. */
  sign(i: number): number;
}
