/**
 * The plan of a forward pass: for every tensor, what ops will request of it, and whether it is kept or made from others.
 *
 * A tensor that a recomputable op makes from tensors which are kept anyway need not be kept itself. What a store keeps of
 * such a chain is its `keeps`:
 *
 *   "all"     everything             c ─► z = bn(c) ─► y = relu(z)      c and y, as PyTorch does
 *   "first"   the first tensor       c ─► z ─► y again from c           forward maps only: the same bits
 *   "last"    the last tensor        y again from z, x̂ = (z − β)/γ      one frame for bn, relu and the next convolution
 *
 * Through a residual block, p = z + s and y = relu(p): "first" makes z, p and y again from c and from what s is made of;
 * "last" keeps p and recovers z as p − s, where s is the relu(p) of the block before.
 *
 * A store may also choose segments of the pass (segment.ts), with convolutions in them. What a chain would keep in a segment
 * is then not kept: all of it is made by one run of the segment's steps, from the tensor that enters it.
 *
 * The plan follows from the trace of one forward pass alone. A request for a tensor that is made is a request for each of
 * its sources, so a source is packed once, under all requests that will reach it.
 */
import type { Recomputable } from "./op.js";
import type { Need, SaveRequest } from "./packed.js";
import type { Parameter, Site } from "./parameter.js";
import { noSegments, type Segment, type Segments, type Size } from "./segment.js";

/** Which tensors of a chain of recomputable ops are kept: all, or one from which the others are made. */
export type Keeps = "all" | "first" | "last";

/** The part of an op on which a plan rests. */
export interface TracedOp {
  readonly name: string;
  readonly saves: Readonly<Record<string, Need | "bits">>;
  // biome-ignore lint/suspicious/noExplicitAny: the attributes' type belongs to the op; a plan does not read them.
  readonly recomputable?: Recomputable<any>;
  readonly selects?: boolean;
}

/** One application of an op. A tensor has the name of the step that put it out. */
export interface TracedStep {
  /** The op's site, with a number behind it from the second application on. */
  readonly name: string;
  readonly op: TracedOp;
  readonly parameter: Parameter | null;
  readonly inputs: readonly string[];
  /** The step's name; that of the input if the op changes no values. */
  readonly output: string;
  readonly saves: readonly { readonly tensor: string; readonly site: Site; readonly need: Need }[];
  /** The size of each tensor that it reads, puts out or saves. */
  readonly sizes: ReadonlyMap<string, Size>;
  /** See `Op.work`; absent where the size of the output tells it. */
  readonly work?: number | undefined;
  /** The bytes of packed bits that it saves of each image. */
  readonly bitsBytes: number;
  /** Whether the op would still be applied in this form: by its input, or by its output. */
  current(): boolean;
}

/**
 * How a tensor is made from others: by the op that put it out, by the inverse of an op that reads it, or by a segment's
 * steps from the tensor that enters the segment.
 */
export interface Made {
  readonly how: "recomputed" | "recovered" | "rerun";
  /** The name of that op's step, or of the segment's first one. */
  readonly by: string;
  readonly sources: readonly string[];
}

export interface PlannedTensor {
  readonly name: string;
  /** Null: it is kept, if there are requests. */
  made: Made | null;
  /** All requests, direct or through tensors that are made from it, in the order of the steps that make them. */
  readonly requests: SaveRequest[];
  /** The names of the steps that read it. */
  readonly readers: string[];
  /** Whether its gradient is 0 wherever its value is not above 0: a ReLU alone reads it, or what max pooling selects of it. */
  gated: boolean;
}

export interface ChainPlan {
  readonly steps: ReadonlyMap<string, TracedStep>;
  readonly tensors: ReadonlyMap<string, PlannedTensor>;
  /** The segment of each step that belongs to one. */
  readonly segments: ReadonlyMap<string, Segment>;
}

/** Chooses the segments of a pass on `images` images, which has been traced. */
export type ChooseSegments = (steps: readonly TracedStep[], keeps: Keeps, images: number) => Segments;

/** A request by an op itself. */
export const request = (site: Site, need: Need): SaveRequest => ({
  site,
  need,
  share: 1,
  positive: false,
  derived: false,
});

/** Plans the forward pass that the steps are the trace of. */
export function planChains(
  steps: readonly TracedStep[],
  keeps: Keeps,
  { segments, pinned, share }: Segments = noSegments,
): ChainPlan {
  const tensors = new Map<string, PlannedTensor>();
  const tensor = (name: string): PlannedTensor => {
    const known = tensors.get(name) ?? {
      name,
      made: null,
      requests: [],
      readers: [],
      gated: false,
    };
    tensors.set(name, known);
    return known;
  };
  for (const { name, inputs } of steps) for (const input of inputs) tensor(input).readers.push(name);
  const byName = new Map(steps.map((step) => [step.name, step]));
  /** The needs for which ops so far have saved a tensor. */
  const needs = new Map<string, Need[]>();
  /** The sums that are kept in place of an input. */
  const sums = new Set<string>();
  const kept = (name: string) =>
    needs.has(name) || sums.has(name) || pinned.has(name) || tensor(name).made !== null;
  const order = new Map(steps.map(({ name }, i) => [name, i]));
  /** The place of the last step by which a tensor is recomputed; −1 if it is kept. */
  const lastOf = (name: string): number => {
    const { made } = tensor(name);
    return made ? Math.max(order.get(made.by)!, ...made.sources.map(lastOf)) : -1;
  };
  for (const step of steps) {
    const before = step.inputs.every(kept);
    for (const { tensor, need } of step.saves) needs.set(tensor, [...(needs.get(tensor) ?? []), need]);
    const { recomputable } = step.op;
    const { name: by, inputs: sources } = step;
    if (!recomputable || keeps === "all" || sources.includes(step.output)) continue;
    if (keeps === "last" && recomputable.recover) {
      const chosen = recoverable(step, tensor, (name) => (pinned.has(name) ? undefined : needs.get(name)));
      const others = sources.filter((name) => name !== chosen);
      if (chosen === null || !others.every(kept)) continue;
      // When the op that put out `chosen` needs it, a later op's backward has used up what recomputation needs of it.
      if (others.some((name) => lastOf(name) > order.get(chosen)!)) continue;
      sums.add(step.output);
      tensor(chosen).made = { how: "recovered", by, sources: [step.output, ...others] };
    } else if (!pinned.has(by) && (before || (keeps === "first" && sources.every(kept)))) {
      tensor(step.output).made = { how: "recomputed", by, sources };
    }
  }
  for (const { entry, steps: inner } of segments) {
    for (const name of inner) {
      const inside = tensor(name);
      const wanted = needs.has(name) || sums.has(name);
      // A segment's values may err where its entry may, so they cannot serve an op that needs them exactly.
      const exact = keeps === "last" && needs.get(name)?.includes("exact");
      if (!wanted || exact || pinned.has(name) || inside.made !== null) continue;
      inside.made = { how: "rerun", by: inner[0]!, sources: [entry] };
    }
  }
  const rectifies = (name: string) => byName.get(name)!.op.recomputable?.rectifies === true;
  for (const { name, inputs, op } of [...steps].reverse()) {
    const gates = rectifies(name) || (op.selects === true && tensor(name).gated);
    for (const input of inputs) tensor(input).gated = gates && tensor(input).readers.length === 1;
  }
  const entering = (asked: SaveRequest, entry: string): SaveRequest => {
    const positive = tensor(entry).readers.every(rectifies);
    return { ...asked, share: share * asked.share, positive, derived: true };
  };
  const route = (name: string, asked: SaveRequest) => {
    const { made, requests } = tensor(name);
    requests.push(asked);
    if (made === null) return;
    // A support follows from the values, which other requests ask for.
    if (made.how === "rerun" && asked.need === "support") return;
    const next =
      made.how === "rerun"
        ? entering(asked, made.sources[0]!)
        : passedOn(asked, made, byName.get(made.by)!.op);
    for (const source of made.sources) route(source, next);
  };
  for (const { saves } of steps)
    for (const { tensor, site, need } of saves) route(tensor, request(site, need));
  const segmentOf = new Map(segments.flatMap((segment) => segment.steps.map((name) => [name, segment])));
  return { steps: byName, tensors, segments: segmentOf };
}

/** The first input that is saved for its values within a bound, is read by no other op, and is made from nothing. */
function recoverable(
  { inputs }: TracedStep,
  tensor: (name: string) => PlannedTensor,
  needs: (name: string) => readonly Need[] | undefined,
): string | null {
  const fits = (name: string) =>
    tensor(name).readers.length === 1 &&
    tensor(name).made === null &&
    (needs(name)?.every((need) => need === "value") ?? false);
  return inputs.find(fits) ?? null;
}

/** What a request for a made tensor means for its sources. */
function passedOn(asked: SaveRequest, { how, sources }: Made, { recomputable }: TracedOp): SaveRequest {
  const positive = how === "recomputed" && recomputable?.rectifies === true;
  // The errors of a difference add up in variance, so each source may take only a part of the bound.
  const share = how === "recovered" ? asked.share / Math.sqrt(sources.length) : asked.share;
  return { ...asked, share, positive, derived: true };
}
