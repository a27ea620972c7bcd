/**
 * Ops and the tape. An op is a forward, a backward, and a declaration of what it saves in between. `apply` runs the
 * forward, hands what is declared to the store, and consumes the operands; `backward` walks the tape from its end.
 *
 *            inputs ──► forward ──► output              dy ──► backward ──► gradients of the inputs
 *                          │ saved                                ▲
 *                          ▼                                      │
 *                     store.put ───────── handle ──────────► store.take
 */
import type { Block, Device } from "../device/device.js";
import type { Team } from "../device/workers.js";
import { FreedError, UsageError } from "../error.js";
import type { Kernels } from "../kernels/kernels.js";
import type { Observation, Observer } from "../noise/observation.js";
import type { ErrorDraw, Tracer } from "../noise/tracer.js";
import { link } from "./recipe.js";
import type { Handle, Need, SavedTensor, Store } from "./store.js";
import { Tensor } from "./tensor.js";

/** A named place that saves. */
export interface Site {
  /** Path of the module and what is saved, e.g. `layer1.0.conv2.x`. */
  readonly name: string;
  readonly op: string;
  /** The parameter whose gradient an error in the saved tensor disturbs, if any. */
  readonly parameter: Parameter | null;
}

/** Weights that a module owns. Ops read them and do not consume them. */
export interface Parameter {
  readonly name: string;
  readonly value: Tensor;
  /** Filled by backward, emptied by the optimiser. */
  gradient: Tensor | null;
}

/** All that ops share. */
export interface Engine {
  readonly device: Device;
  readonly kernels: Kernels;
  /** The threads that run them; null where they are plain TypeScript. */
  readonly team: Team | null;
  store: Store;
  observer: Observer | null;
  /** Set by a probe. */
  tracer: Tracer | null;
  /** Whether ops record what backward needs. */
  recording: boolean;
  readonly tape: Node[];
  /** Seed of this step's random masks. */
  stepSeed: number;
  /** Shown the output of every op; for diagnosis. */
  onOutput: ((site: string, y: Tensor) => void) | null;
  /** Shown the gradient of every op's output, in a backward pass; for diagnosis. */
  onGradient: ((site: string, dy: Tensor) => void) | null;
  /** Ends the threads that share the kernels' work. */
  close(): Promise<void>;
}

export type Saved = Record<string, Tensor | Block>;

export interface Forward {
  readonly engine: Engine;
  readonly site: string;
  /** A new tensor of unspecified content. */
  empty(shape: readonly number[]): Tensor;
}

export interface Backward {
  readonly engine: Engine;
  readonly site: string;
  /** Whether anybody wants the gradient of input i. */
  wants(input: number): boolean;
  /** Whether forward saved something under this name. */
  has(name: string): boolean;
  /** A saved tensor, within its bound; the op disposes of it. */
  take(name: string): Tensor;
  /** A saved tensor in parts along its first axis; the op disposes of each before it asks for the next. */
  takeParts(name: string): Iterable<Tensor>;
  /** The tensors that a saved one is the sum or difference of: each errs on its own. To be asked for before it is taken. */
  addends(name: string): readonly Addend[];
  /**
   * Of images [first, first + count) of a saved tensor that is made from another: its derivative by that, so what an
   * error of 1 in what is kept does to each value. Null where it is that error, but for zeros, which are exact.
   */
  sensitivity(name: string, first: number, count: number): Tensor | null;
  /** dx = saved ≠ 0 ? dy : 0; consumes dy. */
  gate(name: string, dy: Tensor): Tensor;
  /** Saved bits; valid until the backward of this op returns. */
  bits(name: string): Uint8Array;
  /** A new gradient tensor of unspecified content. */
  empty(shape: readonly number[]): Tensor;
  /**
   * What other ops have already contributed to the gradient of input i, for an op that would rather add to it than
   * make a tensor of its own: it then returns the sum. Null if there is nothing yet, or somebody else reads it too.
   */
  pending(input: number): Tensor | null;
  /** Adds to the parameter's gradient; consumes it. */
  accumulate(parameter: Parameter, gradient: Tensor): void;
  /** Whether the observer collects now. */
  readonly observing: boolean;
  /** `input`: whose gradient hears what is sent upstream. */
  observe(name: string, observation: Omit<Observation, "arrived">, input?: number): void;
  /** The error of the saved `name`, if errors are traced to the gradient of input i. To be asked for before it is taken. */
  draw(name: string, input: number): ErrorDraw | null;
  /** Adds to the error of input i's gradient; consumes it. */
  send(input: number, error: Tensor): void;
  /** Adds to the error of a parameter's gradient, where that is not told by the law alone: see Tracer. */
  err(parameter: Parameter, error: Float32Array): void;
}

export interface Addend {
  /** Of the error of each value that is not 0. */
  readonly variance: number;
  /** The values, some images after the other; to be disposed of. */
  parts(): Iterable<Tensor>;
}

/** What of an op is done again in a backward pass, on some images of a batch. */
export interface Again {
  readonly engine: Engine;
  readonly site: string;
  /** A new tensor of unspecified content. */
  empty(shape: readonly number[]): Tensor;
  /** What the op itself saved exactly; to be disposed of. */
  look(name: string): Tensor;
}

/** For ops that cost little more than reading their operands: how one tensor is had from the rest, if those are kept. */
export interface Cheap<A> {
  /** y from the inputs: the very bits that forward made. Consumes them. `first`: their first image's number in the batch. */
  recompute(again: Again, inputs: readonly Tensor[], attributes: A, first: number): Tensor;
  /** An input from y and the other inputs; consumes them. */
  recover?(again: Again, y: Tensor, others: readonly Tensor[], attributes: A): Tensor;
  /** dy/dx of the first input, value by value; absent where it is 1, or where y is not 0. Consumes them. */
  sensitivity?(again: Again, inputs: readonly Tensor[], attributes: A, first: number): Tensor;
  /** Whether y = max(x, 0). */
  readonly rectifies?: boolean;
}

export interface Op<A> {
  readonly name: string;
  /** What is saved under which name, and what backward needs of it; "bits" are packed bits and kept as they are. */
  readonly saves: Readonly<Record<string, Need | "bits">>;
  readonly cheap?: Cheap<A>;
  /** The parameter whose gradient depends on what is saved. */
  parameter?(attributes: A): Parameter | null;
  /** Reads its inputs; may recycle those that it does not save. `apply` disposes of the rest. */
  forward(run: Forward, inputs: readonly Tensor[], attributes: A): { y: Tensor; saved?: Saved };
  /** Consumes dy. Returns a gradient for each input, null where none is wanted or none exists. */
  backward(run: Backward, dy: Tensor, attributes: A): readonly (Tensor | null)[];
}

/** What a backward pass hands down the tape. */
type Carried = "gradient" | "error";

/** One application of an op on the tape. */
export interface Node {
  readonly site: string;
  readonly parents: readonly (Node | null)[];
  readonly handles: ReadonlyMap<string, Handle>;
  gradient: Tensor | null;
  /** One draw of the gradient's error; null unless errors are traced. */
  error: Tensor | null;
  /**
   * Of each site above that sends noise: variance of the error in this gradient ÷ variance of what was sent, both means
   * over elements. Empty unless the observer collects.
   */
  readonly heard: Map<string, number>;
  /** Sites of its own op that send noise, and to which input. */
  readonly senders: { site: string; input: number }[];
  /** From that of its output to those of its inputs. */
  propagate(dy: Tensor, carried: Carried): readonly (Tensor | null)[];
}

/** Runs an op at a site (a module's path). Consumes the inputs. */
export function apply<A>(op: Op<A>, inputs: readonly Tensor[], attributes: A, site = op.name): Tensor {
  const engine = inputs[0]!.engine;
  const parents = inputs.map((input) => input.node);
  const recording = engine.recording;
  const handles = new Map<string, Handle>();
  const empty = (shape: readonly number[]) => Tensor.empty(engine, shape, site);
  const again: Again = { engine, site, empty, look: (name) => engine.store.look(handles.get(name)!) };
  const { recompute, recover, sensitivity, rectifies = false } = op.cheap ?? {};
  const linked =
    recording && recompute
      ? link(engine.store, inputs, {
          recompute: (values, first) => recompute(again, values, attributes, first),
          ...(recover && { recover: (y, others) => recover(again, y, others, attributes) }),
          ...(sensitivity && {
            sensitivity: (values, first) => sensitivity(again, values, attributes, first),
          }),
          rectifies,
        })
      : null;
  for (const input of inputs) (input.storage.claim as SavedTensor | null)?.read();
  const { y, saved = {} } = op.forward({ engine, site, empty }, inputs, attributes);
  engine.onOutput?.(site, y);
  for (const [name, what] of Object.entries(saved)) {
    const need = op.saves[name]!;
    const place: Site = {
      name: `${site}.${name}`,
      op: op.name,
      parameter: op.parameter?.(attributes) ?? null,
    };
    if (!(what instanceof Tensor)) {
      if (recording) handles.set(name, engine.store.putBits(engine.device, what, place));
      else engine.device.free(what);
    } else if (recording) handles.set(name, engine.store.put(what, place, need as Need));
  }
  linked?.(y);
  for (const tensor of [...inputs, ...Object.values(saved)]) {
    if (tensor instanceof Tensor && tensor !== y && !tensor.moved) tensor.dispose();
  }
  if (!recording) return y;
  const node: Node = {
    site,
    parents,
    handles,
    gradient: null,
    error: null,
    heard: new Map(),
    senders: [],
    propagate: (dy, carried) => op.backward(backwardRun(engine, node, carried), dy, attributes),
  };
  engine.tape.push(node);
  return y.move(y.shape, node);
}

function backwardRun(engine: Engine, node: Node, carried: Carried): Backward {
  const { site, parents, handles } = node;
  const { store, observer, tracer } = engine;
  const final = carried === "gradient";
  /** What is taken for an error is still there for the gradient. */
  const handle = (name: string) => (final ? handles.get(name)! : store.share(handles.get(name)!));
  const siteOf = (name: string) => handles.get(name)!.site;
  const empty = (shape: readonly number[]) => Tensor.empty(engine, shape, site, "gradients");
  return {
    engine,
    site,
    wants: (input) => parents[input] !== null,
    has: (name) => handles.has(name),
    take: (name) => store.take(handle(name)),
    takeParts: (name) => store.takeParts(handle(name)),
    addends: (name) => store.addends(handles.get(name)!),
    sensitivity: (name, first, count) => store.sensitivity(handles.get(name)!, first, count),
    gate: (name, dy) => store.gate(handle(name), dy),
    bits: (name) => store.bits(handles.get(name)!),
    empty,
    pending(input) {
      const parent = parents[input];
      const before = parent?.[carried] ?? null;
      if (!parent || before === null || !before.storage.exclusive()) return null;
      parent[carried] = null;
      return before;
    },
    accumulate(parameter, gradient) {
      if (!final) tracer!.receive(parameter, gradient);
      else if (parameter.gradient === null) parameter.gradient = gradient;
      else parameter.gradient = sum(parameter.gradient, gradient);
    },
    observing: final && (observer?.collecting ?? false),
    observe(name, observation, input = 0) {
      observer?.record(siteOf(name), { ...observation, arrived: 0 }, node.heard);
      if (observation.upstream) node.senders.push({ site: siteOf(name).name, input });
    },
    draw(name, input) {
      if (!final || !parents[input]) return null;
      return tracer?.draw(siteOf(name), store.origin(handles.get(name)!)) ?? null;
    },
    send: (input, error) => deliver(parents[input]!, "error", error),
    err: (parameter, error) => tracer!.add(parameter, error),
  };
}

/** Adds to what a node has; consumes it. */
function deliver(node: Node, carried: Carried, tensor: Tensor): void {
  const before = node[carried];
  node[carried] = before === null ? tensor : sum(before, tensor);
}

export const meanSquare = ({ engine, data }: Tensor): number => engine.kernels.sumSquares(data) / data.length;

/** a + b; consumes both. */
function sum(a: Tensor, b: Tensor): Tensor {
  const values = a.data;
  const y = a.recycle("sum of gradients");
  y.engine.kernels.add(y.data, values, b.data);
  b.dispose();
  return y;
}

/**
 * Back-propagates from a scalar, filling the gradients of all parameters it depends on. Consumes `loss`, takes each
 * handle once, and leaves the tape empty.
 */
export function backward(loss: Tensor): void {
  const { engine, node } = loss;
  if (node === null || loss.size !== 1) {
    throw new UsageError({
      where: "backward",
      expected: "a recorded tensor of one element",
      got: `shape [${loss.shape}]${node === null ? ", not on the tape" : ""}`,
      remedy: "call it once on the mean loss of a step that records",
    });
  }
  loss.dispose();
  node.gradient = Tensor.empty(engine, [1], "backward", "gradients");
  node.gradient.data[0] = 1;
  const collecting = engine.observer?.collecting ?? false;
  for (const current of engine.tape.splice(0).reverse()) {
    const { error, gradient: dy } = current;
    current.error = current.gradient = null;
    if (error !== null) {
      current.propagate(error, "error").forEach((passed, i) => {
        const parent = current.parents[i];
        if (passed && parent) deliver(parent, "error", passed);
        else passed?.dispose();
      });
    }
    if (dy !== null) {
      const power = collecting ? meanSquare(dy) : 0;
      engine.onGradient?.(current.site, dy);
      current.propagate(dy, "gradient").forEach((gradient, i) => {
        const parent = current.parents[i];
        if (gradient === null) return;
        if (parent && collecting) passNoise(current, parent, i, power > 0 ? meanSquare(gradient) / power : 0);
        if (parent) deliver(parent, "gradient", gradient);
        else gradient.dispose();
      });
    }
    for (const handle of current.handles.values()) engine.store.drop(handle);
  }
}

/** Roughly, for policies: an op passes an error on as it passes on the gradient itself; errors from two sides add up in variance. */
function passNoise(from: Node, to: Node, input: number, gain: number): void {
  const add = (site: string, share: number) => to.heard.set(site, (to.heard.get(site) ?? 0) + share);
  for (const [site, share] of from.heard) add(site, share * gain);
  for (const sender of from.senders) if (sender.input === input) add(sender.site, 1);
}

/** Drops what a step that will not be finished has recorded. */
export function abandon(engine: Engine): void {
  for (const node of engine.tape.splice(0)) {
    node.gradient?.dispose();
    node.error?.dispose();
    for (const handle of node.handles.values()) engine.store.drop(handle);
  }
}

/** Throws if anything but parameters, optimiser state and the kernels' workspace is live, naming the sites. */
export function assertNothingLeaks(engine: Engine): void {
  const leaks = [...engine.device.blocks()].filter(({ category }) => !persistent.has(category));
  if (leaks.length === 0) return;
  const sites = [...new Set(leaks.map(({ site, category }) => `${site} (${category})`))];
  throw new FreedError({
    where: "end of step",
    expected: "nothing live but parameters, optimiser state and workspace",
    got: `${leaks.length} tensors from ${sites.slice(0, 5).join(", ")}${sites.length > 5 ? ", …" : ""}`,
    remedy: "dispose of tensors that no op consumes",
  });
}

const persistent: ReadonlySet<string> = new Set(["parameters", "optimiser", "workspace"]);

export type { Observation, Observer, Upstream } from "../noise/observation.js";
