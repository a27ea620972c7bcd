/**
 * Chains: a tensor that a recomputable op makes from tensors which are kept anyway need not be kept itself. It gets a
 * recipe in place of a packed copy (saved.ts). What a store keeps of a chain is its `keeps`:
 *
 *   "all"     everything             c ─► z = bn(c) ─► y = relu(z)      c and y, as PyTorch does
 *   "first"   the first tensor       c ─► z ─► y again from c           forward maps only: the same bits
 *   "last"    the last tensor        y again from z, x̂ = (z − β)/γ      one frame for bn, relu and the next convolution
 *
 * Through a residual block, p = z + s and y = relu(p): "first" makes z, p and y again from c and from what s is made of;
 * "last" keeps p and recovers z as p − s, where s is the relu(p) of the block before.
 *
 * A recipe forwards requests to its sources. Under "last", a source must not be packed before all requests are known.
 * So a recipe that may still be asked for holds its sources: it holds their bytes, or, if a source has a firm recipe
 * itself, only its turn to be settled.
 */
import type { Op, Recomputation } from "./op.js";
import type { SaveRequest } from "./packed.js";
import { SavedTensor } from "./saved.js";
import type { Store } from "./store.js";
import type { Tensor } from "./tensor.js";

/** The maps of one application of a recomputable op, with the attributes filled in: see `Recomputable`. */
interface Maps {
  recompute(inputs: readonly Tensor[], first: number): Tensor;
  recover?(y: Tensor, others: readonly Tensor[]): Tensor;
  sensitivity?(inputs: readonly Tensor[], first: number): Tensor;
  readonly rectifies: boolean;
}

/** Called with the op's output after the op has run and saved, and before its inputs are disposed of. */
type Link = (y: Tensor) => void;

const ranges = (sources: readonly SavedTensor[], first: number, count: number): Tensor[] =>
  sources.map((source) => source.range(first, count));

const savedOn = ({ storage: { lastUse } }: Tensor): SavedTensor | null =>
  lastUse instanceof SavedTensor ? lastUse : null;

/** Before an op runs: notes its inputs, so that its output, or one input, can be made from the others. */
export function linkChain<A>(
  store: Store,
  { recomputable }: Op<A>,
  inputs: readonly Tensor[],
  attributes: A,
  run: Recomputation,
): Link | null {
  if (!recomputable || store.keeps === "all") return null;
  const { recompute, recover, sensitivity, rectifies = false } = recomputable;
  const maps: Maps = {
    recompute: (values, first) => recompute(run, values, attributes, first),
    ...(recover && { recover: (y, others) => recover(run, y, others, attributes) }),
    ...(sensitivity && { sensitivity: (values, first) => sensitivity(run, values, attributes, first) }),
    rectifies,
  };
  if (store.keeps === "first") return recomputed(store, inputs, maps);
  return maps.recover ? recovered(store, inputs, maps.recover) : held(store, inputs, maps);
}

/** y from its inputs, which this very op may save. */
function recomputed(store: Store, inputs: readonly Tensor[], { recompute }: Maps): Link {
  const before = inputs.map(savedOn);
  return (y) => {
    const found = inputs.map((input, i) => before[i] ?? (input.moved ? null : savedOn(input)));
    const sources = found.filter((source): source is SavedTensor => source?.kept === true);
    if (sources.length < inputs.length) return;
    store.savedOn(y).recipe = {
      sources,
      firm: true,
      sum: false,
      make: (first, count) => recompute(ranges(sources, first, count), first),
      forward: (request) => request,
      release() {},
    };
  };
}

/** Multiplies x by factors, value by value and in place. `data` is a new view at each access, so loops take it once. */
export function multiply(x: Float32Array, factors: Float32Array): void {
  for (let i = 0; i < x.length; i++) x[i]! *= factors[i]!;
}

/** y from its inputs, which wait until all requests for y are known. */
function held(
  store: Store,
  inputs: readonly Tensor[],
  { recompute, rectifies, sensitivity: own }: Maps,
): Link | null {
  const sources = inputs.map(savedOn);
  if (!sources.every((source): source is SavedTensor => source?.kept === true && source.waiting)) return null;
  const holds = sources.map((source, i) => {
    if (!source.recipe?.firm) return inputs[i]!.ref;
    source.watch();
    return source;
  });
  const release = () => {
    for (const hold of holds) {
      if (hold instanceof SavedTensor) hold.unwatch();
      else hold.dispose();
    }
  };
  const make = (first: number, count: number, last?: boolean) =>
    rectifies ? sources[0]!.rectified(first, count, last) : recompute(ranges(sources, first, count), first);
  /** The chain rule. */
  const sensitivity = (first: number, count: number) => {
    const outer = own?.(ranges(sources, first, count), first);
    const inner = sources[0]!.sensitivity(first, count);
    if (!outer || !inner) return outer ?? inner;
    multiply(outer.data, inner.data);
    inner.dispose();
    return outer;
  };
  const forward = (request: SaveRequest) => (rectifies ? { ...request, positive: true } : request);
  return (y) => {
    store.savedOn(y).recipe = { sources, firm: true, sum: false, make, sensitivity, forward, release };
  };
}

/**
 * An input from y and the others, in place of a packed copy of its own: the first input that is kept for its values,
 * is read by no other op and is made from nothing. The errors of y and of the others add up in it, in variance, so each
 * of these may take only a part of the bound.
 */
function recovered(store: Store, inputs: readonly Tensor[], recover: Maps["recover"] & {}): Link | null {
  const saved = inputs.map(savedOn);
  const chosen = saved.findIndex(
    (each) => each?.kept && each.unread && each.recipe === null && !each.watched,
  );
  const others = saved.filter((_, i) => i !== chosen);
  const fit = others.every((each): each is SavedTensor => each?.kept === true && each.waiting);
  if (chosen < 0 || !fit || !saved[chosen]!.requests.every(({ need }) => need === "value")) return null;
  const sum = store.savedApart(inputs[chosen]!);
  const sources = [sum, ...others];
  saved[chosen]!.recipe = {
    sources,
    firm: false,
    sum: true,
    make(first, count) {
      const [y, ...rest] = ranges(sources, first, count);
      return recover(y!, rest);
    },
    forward: (request) => ({
      ...request,
      share: request.share / Math.sqrt(sources.length),
      sole: request.sole && saved[chosen]!.soleReader,
    }),
    release() {},
  };
  return (y) => sum.attach(y);
}
