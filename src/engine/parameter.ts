/** Weights, and the named places of a network that save tensors. */
import type { Tensor } from "./tensor.js";

/** Weights that a module owns. Ops read them and do not consume them. */
export interface Parameter {
  readonly name: string;
  readonly value: Tensor;
  /** Filled by the backward pass and emptied by the optimiser. */
  gradient: Tensor | null;
}

/** A named place that saves a tensor for the backward pass. */
export interface Site {
  /** The path of the module and the name of what it saves, for example `layer1.0.conv2.x`. */
  readonly name: string;
  /** The name of the op, for example `conv2d`. */
  readonly op: string;
  /** The parameter whose gradient an error in the saved tensor disturbs; null if there is none. */
  readonly parameter: Parameter | null;
}
