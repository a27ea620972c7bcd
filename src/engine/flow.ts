/**
 * What flows down the tape. The backward pass is linear in δ, so a `Flow` is gradients, or the errors of gradients, which
 * an observer sends the same way (noise/pass.ts).
 */
import type { Application } from "./application.js";
import { contribute } from "./contribution.js";
import { sum } from "./gradients.js";
import type { Backward, GradientWriter } from "./op.js";
import type { Parameter } from "./parameter.js";
import type { Store } from "./store.js";
import { type Machine, type Node, Tensor } from "./tensor.js";

/** Something that flows down the tape and adds up at its nodes. */
export interface Flow {
  /** What has arrived at a node so far. */
  arrived(node: Node): Tensor | null;
  /** Replaces what has arrived at a node. */
  arrive(node: Node, tensor: Tensor | null): void;
  /** Adds to what arrives at a parameter. Consumes `tensor`. */
  accumulate(parameter: Parameter, tensor: Tensor): void;
  /** The same for a gradient that may come in pieces, each in a tensor that `empty` makes; absent where all come whole. */
  accumulateRows?(
    parameter: Parameter,
    empty: (shape: readonly number[]) => Tensor,
    write: GradientWriter,
  ): void;
  /** Is given the mean squares of what an application contributes to sums, by input, if anyone asks for them. */
  readonly own?: Map<number, number>;
  /** Whether this flow is the last one that needs what was saved. */
  readonly last: boolean;
}

type Storing = Machine & { readonly store: Store };

/** From what flows out of an application's output to what flows out of its inputs. Consumes `dy`. */
export function propagate(
  engine: Storing,
  application: Application,
  dy: Tensor,
  flow: Flow,
): readonly (Tensor | null)[] {
  const { op, attributes } = application;
  return op.backward(backwardRun(engine, application, flow), dy, attributes);
}

function backwardRun(engine: Storing, application: Application, flow: Flow): Backward {
  const { site, parents, handles } = application;
  const { store } = engine;
  const empty = (shape: readonly number[]) => Tensor.empty(engine, shape, site, "gradients");
  const pending = (input: number): Tensor | null => {
    const parent = parents[input];
    const before = parent ? flow.arrived(parent) : null;
    if (!parent || before === null || !before.storage.exclusive()) return null;
    flow.arrive(parent, null);
    return before;
  };
  const handle = (name: string) => (flow.last ? handles.get(name)! : store.share(handles.get(name)!));
  return {
    engine,
    site,
    wants: (input) => parents[input] !== null,
    take: (name) => store.take(handle(name)),
    look: (name) => store.look(handles.get(name)!),
    takeParts: (name, again = false) =>
      again ? store.lookParts(handles.get(name)!) : store.takeParts(handle(name)),
    fitsWhole: (bytes) => engine.device.fitsBelowPeak(bytes + store.unpackBytes),
    gate: (name, dy) => store.gate(handle(name), dy),
    bits: (name) => store.bits(handles.get(name)!),
    empty,
    pending,
    contribute(input, shape, write) {
      const { own } = flow;
      const found = contribute(shape, write, empty, () => pending(input), own !== undefined);
      if (found.meanSquare !== null) own?.set(input, found.meanSquare);
      return found.gradient;
    },
    accumulate(parameter, gradient) {
      if (gradient instanceof Tensor) return flow.accumulate(parameter, gradient);
      if (flow.accumulateRows) return flow.accumulateRows(parameter, empty, gradient);
      const whole = empty(parameter.value.shape);
      gradient(whole.data, 0, whole.shape[0]!);
      flow.accumulate(parameter, whole);
    },
  };
}

/** Adds to what has arrived at a node. Consumes `tensor`. */
export function deliver(flow: Flow, node: Node, tensor: Tensor): void {
  const before = flow.arrived(node);
  flow.arrive(node, before === null ? tensor : sum(before, tensor));
}
