/**
 * Recipes: a tensor that is a cheap map of others which are kept anyway need not be kept.
 *
 *   plain   keeps all          c ─► z = bn(c) ─► y = relu(z)      c and y, as PyTorch does
 *   lean    keeps the first    c ─► z ─► y again from c           forward maps alone: the same bits
 *   comet   keeps the last     y again from z, x̂ = (z − β)/γ      one frame for bn, relu and the next convolution
 *
 * and through a residual block, p = z + s, y = relu(p): lean makes z, p and y again from c and from what s is made of;
 * comet keeps p and recovers z as p − s, where s is the relu(p) of the block before.
 *
 * A recipe passes claims on to its sources. Under "last" a source must not be packed before they are known, so whatever
 * may yet be made from it holds it: its bytes, or, if it has a firm recipe itself, merely its turn.
 */
import { type Claimant, SavedTensor } from "./saved.js";
import type { Store } from "./store.js";
import type { Tensor } from "./tensor.js";

/** What an op can do again in a backward pass, on some images; both consume their operands. */
export interface Steps {
  /** `first`: the number of their first image in the batch. */
  recompute(inputs: readonly Tensor[], first: number): Tensor;
  /** Whether that is a ReLU, which a store may know more of than the values tell. */
  readonly rectifies?: boolean;
  /** dy/dx of the first input, value by value, where that is more than where y is not 0; consumes the inputs. */
  sensitivity?(inputs: readonly Tensor[], first: number): Tensor;
  /** An input from y and the other inputs. */
  recover?(y: Tensor, others: readonly Tensor[]): Tensor;
}

/** Called with the op's output, after it has run and saved, before its inputs go. */
type Link = (y: Tensor) => void;

const ranges = (sources: readonly SavedTensor[], first: number, count: number): Tensor[] =>
  sources.map((source) => source.range(first, count));

const savedOn = ({ storage }: Tensor): SavedTensor | null => storage.claim as SavedTensor | null;

/** Before an op runs: notes what it reads, so that its output, or an input, can be made from the rest. */
export function link(store: Store, inputs: readonly Tensor[], steps: Steps): Link | null {
  if (store.keeps === "all") return null;
  if (store.keeps === "first") return recomputed(store, inputs, steps);
  return steps.recover ? recovered(store, inputs, steps) : held(store, inputs, steps);
}

/** y from its inputs, which may be claimed by this very op. */
function recomputed(store: Store, inputs: readonly Tensor[], { recompute }: Steps): Link {
  const before = inputs.map(savedOn);
  return (y) => {
    const sources = inputs.map((input, i) => before[i] ?? (input.moved ? null : savedOn(input)));
    if (!sources.every((source) => source?.kept)) return;
    SavedTensor.on(y, store).recipe = {
      sources: sources as SavedTensor[],
      firm: true,
      sum: false,
      make: (first, count) => recompute(ranges(sources as SavedTensor[], first, count), first),
      ask: (claimant) => claimant,
      release() {},
    };
  };
}

/** x·factors, one by one, in place. A tensor's `data` is a new view each time it is asked for: loops take it once. */
export function multiply(x: Float32Array, factors: Float32Array): void {
  for (let i = 0; i < x.length; i++) x[i]! *= factors[i]!;
}

/** y from its inputs, which wait until all that claim y are known. */
function held(
  store: Store,
  inputs: readonly Tensor[],
  { recompute, rectifies, sensitivity: own }: Steps,
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
  /** By the chain rule. */
  const sensitivity = (first: number, count: number) => {
    const outer = own?.(ranges(sources, first, count), first);
    const inner = sources[0]!.sensitivity(first, count);
    if (!outer || !inner) return outer ?? inner;
    multiply(outer.data, inner.data);
    inner.dispose();
    return outer;
  };
  const ask = (claimant: Claimant) => (rectifies ? { ...claimant, positive: true } : claimant);
  return (y) => {
    SavedTensor.on(y, store).recipe = { sources, firm: true, sum: false, make, sensitivity, ask, release };
  };
}

/**
 * An input from y and the others, instead of a packed copy of its own: the first input that is kept for its values,
 * read by nobody else and made from nothing. Errors add up in it, in variance, so each may take a part of the bound only.
 */
function recovered(store: Store, inputs: readonly Tensor[], { recover }: Steps): Link | null {
  const saved = inputs.map(savedOn);
  const chosen = saved.findIndex(
    (each) => each?.kept && each.unread && each.recipe === null && !each.watched,
  );
  const others = saved.filter((_, i) => i !== chosen);
  const fit = others.every((each): each is SavedTensor => each?.kept === true && each.waiting);
  if (chosen < 0 || !fit || !saved[chosen]!.claimants.every(({ need }) => need === "value")) return null;
  const { engine, shape } = inputs[chosen]!;
  const sum = new SavedTensor(store, engine, shape);
  const sources = [sum, ...others];
  saved[chosen]!.recipe = {
    sources,
    firm: false,
    sum: true,
    make(first, count) {
      const [y, ...rest] = ranges(sources, first, count);
      return recover!(y!, rest);
    },
    ask: (claimant) => ({
      ...claimant,
      share: claimant.share / Math.sqrt(sources.length),
      sole: claimant.sole && saved[chosen]!.soleReader,
    }),
    release() {},
  };
  return (y) => sum.attach(y);
}
