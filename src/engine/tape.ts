/**
 * The tape: `apply` runs an op, hands what it saves to the store and notes the application; `backward` walks the
 * applications from the last to the first.
 */
import type { Block } from "../device/device.js";
import { FreedError, UsageError } from "../error.js";
import { Application, type BackwardObserver, type Visit } from "./application.js";
import { deliver, type Flow, propagate } from "./flow.js";
import { type GradientReceiver, ParameterGradients } from "./gradients.js";
import type { Handle } from "./handle.js";
import type { Op } from "./op.js";
import type { Need } from "./packed.js";
import type { Site } from "./parameter.js";
import type { Store } from "./store.js";
import { type Machine, Tensor } from "./tensor.js";

/** All that a network trains on. */
export interface Engine extends Machine {
  store: Store;
  observer: BackwardObserver | null;
  /** Whether ops record what backward needs. */
  recording: boolean;
  readonly tape: Application[];
  /** Shown the output of every op; for diagnosis. */
  onOutput: ((site: string, y: Tensor) => void) | null;
  /** Shown the gradient of every op's output in a backward pass; for diagnosis. */
  onGradient: ((site: string, dy: Tensor) => void) | null;
  /** Ends the threads that share the kernels' work. */
  close(): Promise<void>;
}

/** The engine of a tensor. Every engine is made by `createEngine`, so a tensor's machine is one. */
export const engineOf = (tensor: Tensor): Engine => tensor.engine as Engine;

/** Runs an op at a site (a module's path). Consumes the inputs. */
export function apply<A>(op: Op<A>, inputs: readonly Tensor[], attributes: A, site = op.name): Tensor {
  const engine = engineOf(inputs[0]!);
  const { store, recording } = engine;
  engine.device.beginOp(site, imagesIn(inputs[0]!));
  const form = recording ? formOf(store, op, attributes) : op;
  const parents = inputs.map((input) => input.node);
  const handles = new Map<string, Handle>();
  const empty = (shape: readonly number[]) => Tensor.empty(engine, shape, site);
  const parameter = form.parameter?.(attributes) ?? null;
  const look = (name: string) => store.look(handles.get(name)!);
  const run = { engine, site, empty, look };
  const first = engine.tape.length === 0;
  const applied = {
    op: form,
    parameter,
    inputs,
    attributes,
    run,
    current: isForm(store, op, attributes, form),
  };
  const link = recording ? store.chains.apply(applied, first) : null;
  const place = (name: string): Site => ({ name: `${site}.${name}`, op: op.name, parameter });
  for (const [name, input] of Object.entries(recording ? (form.savesInputs ?? {}) : {})) {
    handles.set(name, store.put(inputs[input]!, place(name), form.saves[name] as Need));
  }
  const { y, saved = {} } = form.forward({ engine, site, recording, empty }, inputs, attributes);
  engine.onOutput?.(site, y);
  link?.ran(
    y,
    Object.values(saved).filter((what) => what instanceof Tensor),
  );
  for (const [name, what] of Object.entries(saved)) {
    if (recording) handles.set(name, put(engine, what, place(name), form.saves[name]!));
    else if (!(what instanceof Tensor)) engine.device.free(what);
  }
  link?.put(handles);
  for (const tensor of [...inputs, ...Object.values(saved)]) {
    if (tensor instanceof Tensor && tensor !== y && !tensor.moved) tensor.dispose();
  }
  if (!recording) return y;
  const application = new Application(form, attributes, site, parents, handles);
  engine.tape.push(application);
  return y.move(y.shape, application);
}

/** The form of an op that saves what the store keeps. */
const formOf = <A>({ keeps }: Store, op: Op<A>, attributes: A): Op<A> =>
  keeps === "last" && op.byOutput?.applies(attributes) ? op.byOutput.op : op;

/** A closure of its own, since a plan holds it longer than a step holds its tensors. */
const isForm =
  <A>(store: Store, op: Op<A>, attributes: A, form: Op<A>) =>
  (): boolean =>
    formOf(store, op, attributes) === form;

function put({ store, device }: Engine, what: Tensor | Block, site: Site, need: Need | "bits"): Handle {
  return what instanceof Tensor ? store.put(what, site, need as Need) : store.putBits(device, what, site);
}

/** The gradients themselves: they arrive at nodes and at parameters. */
const gradients = (parameters: ParameterGradients, application: Application, visit: Visit | null): Flow => ({
  last: true,
  ...(visit && { own: new Map<number, number>() }),
  arrived: (node) => node.gradient,
  arrive(node, tensor) {
    node.gradient = tensor;
  },
  accumulate: (parameter, gradient) => parameters.accumulate(application, visit, parameter, gradient),
  accumulateRows: (parameter, empty, write) =>
    parameters.accumulateRows(application, visit, parameter, empty, write),
});

/**
 * Back-propagates from a scalar to all parameters on which it depends. Consumes `loss`, takes each handle once, and leaves
 * the tape empty. The gradients go to `receiver`, each as soon as it is complete; without one, they stay at their
 * parameters, where those of several passes add up.
 */
export function backward(loss: Tensor, receiver: GradientReceiver | null = null): void {
  const engine = engineOf(loss);
  const { node } = loss;
  if (node === null || loss.size !== 1) {
    throw new UsageError({
      where: "backward",
      expected: "a recorded tensor of one element",
      got: `shape [${loss.shape}]${node === null ? ", not on the tape" : ""}`,
      remedy: "call it once on the mean loss of a step that records",
    });
  }
  loss.dispose();
  engine.store.chains.conclude();
  node.gradient = Tensor.empty(engine, [1], "backward", "gradients");
  node.gradient.data[0] = 1;
  const applications = engine.tape.splice(0).reverse();
  const parameters = new ParameterGradients(applications, receiver);
  for (const application of applications) {
    const dy = application.gradient;
    application.gradient = null;
    if (dy !== null) propagateGradient(engine, application, dy, parameters);
    for (const handle of application.handles.values()) engine.store.drop(handle);
    parameters.passed(application);
  }
  engine.observer?.end();
}

/** The extent of the first axis, which is that of the images in all but a few small tensors. */
const imagesIn = ({ shape }: Tensor): number => shape[0] ?? 1;

function propagateGradient(
  engine: Engine,
  application: Application,
  dy: Tensor,
  parameters: ParameterGradients,
): void {
  engine.device.beginOp(`backward of ${application.site}`, imagesIn(dy));
  const visit = engine.observer?.visit(application, dy) ?? null;
  engine.onGradient?.(application.site, dy);
  const flow = gradients(parameters, application, visit);
  const passed = propagate(engine, application, dy, flow);
  visit?.inputs(passed, flow.own);
  passed.forEach((gradient, i) => {
    const parent = application.parents[i];
    if (gradient && parent) deliver(flow, parent, gradient);
    else gradient?.dispose();
  });
}

/** Drops what a step that will not be finished has recorded. */
export function abandon(engine: Engine): void {
  for (const application of engine.tape.splice(0)) {
    application.gradient?.dispose();
    for (const handle of application.handles.values()) engine.store.drop(handle);
  }
  engine.store.chains.close();
  engine.observer?.end();
}

/** Throws a FreedError that names the sites if anything but parameters, optimiser state and workspace is live. */
export function assertNothingLeaks({ device }: Machine): void {
  const leaks = [...device.blocks()].filter(({ category }) => !persistent.has(category));
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
