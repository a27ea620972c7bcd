/**
 * What flows down the tape. The backward pass is linear in δ, so a `Flow` is gradients, or the errors of gradients, which
 * an observer sends the same way (noise/pass.ts).
 */
import { Application } from "./application.js";
import { contribute } from "./contribution.js";
import { sum } from "./gradients.js";
import { tensorOf } from "./handle.js";
import type { Backward, GradientWriter, Preview } from "./op.js";
import type { Parameter } from "./parameter.js";
import type { SavedTensor } from "./saved.js";
import type { Store } from "./store.js";
import { type Machine, type Node, sizeOf, Tensor } from "./tensor.js";

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
    parent.preview = null;
    return before;
  };
  const handle = (name: string) => (flow.last ? handles.get(name)! : store.share(handles.get(name)!));
  /** The tensor that is passed over in parts, and the preview of the op below; undefined until the first part is shown. */
  let passing: SavedTensor | null = null;
  let preview: Preview | null | undefined;
  return {
    engine,
    site,
    wants: (input) => parents[input] !== null,
    take: (name) => store.take(handle(name)),
    look: (name) => store.look(handles.get(name)!),
    preview: flow.last ? application.preview : null,
    show(delta, x) {
      // Decided at the first part: sums that began later would lack the parts before.
      if (preview === undefined) {
        preview = flow.last && passing ? previewOf(engine, parents[0]!, passing, empty) : null;
      }
      preview?.see(delta, x);
    },
    takeParts(name, how = {}) {
      passing = tensorOf(handles.get(name)!);
      return how.again ? store.lookParts(handles.get(name)!, how) : store.takeParts(handle(name), how);
    },
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

/** Begins the preview of an application that is about to get its gradient, if that spares it a pass over `passing`. */
function previewOf(
  engine: Storing,
  below: Node | null,
  passing: SavedTensor,
  empty: (shape: readonly number[]) => Tensor,
): Preview | null {
  if (!(below instanceof Application) || below.gradient !== null) return null;
  const { preview } = below.op;
  if (!preview || tensorOf(below.handles.get(preview.saved)!) !== passing) return null;
  // Where the tensor is or can be whole in memory, a pass over it costs little.
  const bytes = 4 * sizeOf(passing.shape) + engine.store.unpackBytes;
  if (passing.packed?.whole || engine.device.fitsBelowPeak(bytes)) return null;
  below.preview = preview.begin({ engine, empty }, below.attributes);
  return below.preview;
}

/** Adds to what has arrived at a node. Consumes `tensor`. */
export function deliver(flow: Flow, node: Node, tensor: Tensor): void {
  const before = flow.arrived(node);
  if (before !== null) node.preview = null;
  flow.arrive(node, before === null ? tensor : sum(before, tensor));
}
