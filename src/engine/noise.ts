/**
 * Noise laws: how an error in what an op saved reaches the gradients. An op states its law beside its derivative; an
 * observer of backward passes (BackwardObserver in tape.ts; noise/pass.ts is one) applies it. Ops that run without an
 * observer never touch it.
 */
import type { Addend } from "./packed.js";
import type { Parameter } from "./parameter.js";
import type { Machine, Tensor } from "./tensor.js";

export interface NoiseLaw<A> {
  /** Called before the op's backward, with δ, the gradient of its output, which is borrowed. */
  watch(run: NoiseRun, dy: Tensor, attributes: A): NoiseWatch;
}

/** What of one op's backward is shown to its law. The tensors are borrowed. */
export interface NoiseWatch {
  /** Whether `parameter` takes a contribution in pieces too, some rows after the other. */
  readonly rows?: boolean;
  /** The op's contribution to the gradient of a parameter. */
  parameter?(parameter: Parameter, gradient: Tensor): void;
  /** The gradients of the inputs; null where none is wanted. Called last. */
  inputs(gradients: readonly (Tensor | null)[]): void;
}

/** What a noise law works with. Names are those under which the op saved. */
export interface NoiseRun {
  readonly engine: Machine;
  readonly site: string;
  /** A new tensor of unspecified content. */
  empty(shape: readonly number[]): Tensor;
  /** A saved tensor, within its bound. The law disposes of it. */
  look(name: string): Tensor;
  /** A saved tensor in parts along its first axis. The law disposes of each part before it takes the next. */
  parts(name: string): Iterable<Tensor>;
  /** Saved bits, valid until `watch` returns. */
  bits(name: string): Uint8Array;
  /** The tensors of which a saved tensor is the sum or the difference: each has an error of its own. */
  addends(name: string): readonly Addend[];
  /**
   * Of images [first, first + count) of a saved tensor that is made from a kept one: its derivative with respect to the
   * kept one, which is what an error of 1 in the kept values does. Null where that is 1 for all values but zeros.
   */
  sensitivity(name: string, first: number, count: number): Tensor | null;
  /** Reports what the law found. `input`: the input whose gradient carries the error upstream. */
  record(name: string, observation: Omit<Observation, "arrived">, input?: number): void;
  /** One draw of the error of the saved `name`, if errors are traced to the gradient of input i; else null. */
  draw(name: string, input: number): ErrorDraw | null;
  /** Adds to the traced error of input i's gradient. Consumes `error`. */
  send(input: number, error: Tensor): void;
  /** Adds to the traced error of a parameter's gradient, where the law alone does not give it: see Tracer. */
  err(parameter: Parameter, error: Float32Array): void;
}

/** What the noise law of an op needs to know of one backward pass. All sums are over the whole batch. */
export interface Observation {
  /** Var(∇w_k) ÷ Var(error), for each output channel k. For a convolution: E_k = Σδ² over the non-zero inputs. */
  energy: Float32Array;
  /** The mean square of that gradient. */
  signal: number;
  /** The mean |δ| over all output elements: the paper's L̄. */
  meanLoss: number;
  /** The share of the saved values that are not zero: the paper's R. */
  nonZero: number;
  /** The batch size N. */
  batch: number;
  /** Var(that gradient) ÷ the variance of an error in δ itself, if that error is alike and uncorrelated everywhere. */
  deltaGain: number;
  /** The variance of the error with which δ arrived, the mean over its elements: what sites above have sent. */
  arrived: number;
  /** For an op whose error also reaches the gradient that travels upstream; null where that gradient is exact. */
  upstream: Upstream | null;
}

/** The input gradient of a site, the mean over its elements. */
export interface Upstream {
  /** The variance of its error ÷ the variance of the saved values' error. */
  noise: number;
  /** The part of `noise` that is due to errors where δ = 0. */
  gated: number;
  /** Its mean square. */
  signal: number;
}

/** One draw of the error of a saved tensor, at one standard deviation and with random signs. */
export interface ErrorDraw {
  /** The standard deviation of the saved values' error. */
  readonly sigma: number;
  /** The same where δ = 0. */
  readonly gated: number;
  /** Whether another site has drawn the errors of the same kept tensor before. */
  readonly again: boolean;
  /** +1 or −1 at random for value i of the kept tensor: the same for all tensors that are made from it. */
  sign(i: number): number;
}
