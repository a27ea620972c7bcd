/**
 * Follows errors down the tape, beside the gradients. A backward pass is linear in δ, so an op passes an error in δ on by
 * its own backward; a site adds what its law says of the error of what it saved, at one standard deviation and with
 * signs at random. So the square of what arrives at a gradient has the predicted variance for its mean.
 */
import type { Parameter, Site } from "./op.js";
import type { Tensor } from "./tensor.js";

export interface Tracer {
  /** The error of what a site saved; null if that is exact. */
  draw(site: Site): ErrorDraw | null;
  /** Of a parameter's gradient; consumes it. */
  receive(parameter: Parameter, error: Tensor): void;
}

export interface ErrorDraw {
  /** Standard deviation of the saved values' error. */
  readonly sigma: number;
  /** The same where δ = 0. */
  readonly gated: number;
  /** +1 or −1 at random. */
  sign(): number;
}
