/** One application of an op on the tape, and who may watch its backward. */

import type { Handle } from "./handle.js";
import type { Op, Preview } from "./op.js";
import type { Parameter } from "./parameter.js";
import type { Node, Tensor } from "./tensor.js";

/** One application of an op, as the tape holds it. */
// biome-ignore lint/suspicious/noExplicitAny: the attributes' type belongs to the op; the tape only passes them on.
export class Application<A = any> implements Node {
  readonly op: Op<A>;
  readonly attributes: A;
  readonly site: string;
  readonly parents: readonly (Node | null)[];
  readonly handles: ReadonlyMap<string, Handle>;
  gradient: Tensor | null = null;
  /** See `Backward.preview`. */
  preview: Preview | null = null;

  constructor(
    op: Op<A>,
    attributes: A,
    site: string,
    parents: readonly (Node | null)[],
    handles: ReadonlyMap<string, Handle>,
  ) {
    this.op = op;
    this.attributes = attributes;
    this.site = site;
    this.parents = parents;
    this.handles = handles;
  }
}

/** Sees backward passes, application by application. */
export interface BackwardObserver {
  /** Called before an application's backward, with δ, which is borrowed. Null: the gradients are of no interest. */
  visit(application: Application, dy: Tensor): Visit | null;
  /** Called when a backward pass has ended or was given up: lets go of all that it keeps for it. */
  end(): void;
}

/** What an observer is shown of one application's backward. The tensors are borrowed. */
export interface Visit {
  /** Whether `parameter` takes a gradient in pieces too, some rows after the other. */
  readonly rows?: boolean;
  /** The application's contribution to the gradient of a parameter. */
  parameter?(parameter: Parameter, gradient: Tensor): void;
  /**
   * `own`: of each gradient to which other applications have contributed too, the mean square of this application's own
   * part.
   */
  inputs(gradients: readonly (Tensor | null)[], own?: ReadonlyMap<number, number>): void;
}
