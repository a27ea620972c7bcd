/**
 * Forward passes by plan (plan.ts). Each pass is traced, and the trace of a pass that a backward pass follows is the plan
 * of the next ones.
 *
 * A plan is a set of promises, one for each tensor: these requests will reach it. A step that is not as planned breaks
 * nothing. A promised request that does not come only makes a bound tighter than need be. A request that was not promised
 * is added to those of a tensor that is kept; of a tensor that is made from others, a packed copy is kept besides. And a
 * tensor is made from others only by an op that reads the very tensors that the plan names.
 */
import type { Handle } from "./handle.js";
import type { Need } from "./packed.js";
import type { Parameter, Site } from "./parameter.js";
import { type ChainPlan, planChains, request, type TracedStep } from "./plan.js";
import { type Applied, recomputed, recovered } from "./recipe.js";
import { Rerun } from "./rerun.js";
import { type Packer, SavedTensor } from "./saved.js";
import type { Tensor } from "./tensor.js";
import { alike, sameStep, savesOf, sizesOf } from "./trace.js";

/** What follows in the same application. */
export interface Link {
  /** The op has run; what it saves is not put yet. */
  ran(y: Tensor, saved: readonly Tensor[]): void;
  /** All that it saves is put. */
  put(handles: ReadonlyMap<string, Handle>): void;
}

/** One forward pass. */
interface Pass {
  readonly plan: ChainPlan;
  readonly trace: TracedStep[];
  readonly tensors: Set<SavedTensor>;
  /** How often each site has applied an op. */
  readonly applied: Map<string, number>;
  /** The segments that have begun. */
  readonly reruns: Rerun[];
  readonly images: number;
}

const passOf = (plan: ChainPlan, images: number): Pass => ({
  plan,
  trace: [],
  tensors: new Set(),
  applied: new Map(),
  reruns: [],
  images,
});

const unplanned = planChains([], "all");

export class Chains {
  readonly #packer: Packer;
  readonly #plan: (steps: readonly TracedStep[], images: number) => ChainPlan;
  readonly #requested: (site: Site, need: Need) => void;
  /** By the first step, since several networks may share an engine. */
  readonly #plans = new Map<string | Parameter, ChainPlan>();
  #pass = passOf(unplanned, 0);
  /** Whether a pass has differed from its plan. */
  #varies = false;

  /**
   * `plan`: plans passes on so many images. `requested`: called with each request of an op before the tensor is packed;
   * with those of a plan, at once.
   */
  constructor(
    packer: Packer,
    plan: (steps: readonly TracedStep[], images: number) => ChainPlan,
    requested: (site: Site, need: Need) => void,
  ) {
    this.#packer = packer;
    this.#plan = plan;
    this.#requested = requested;
  }

  /** The last forward pass. */
  get pass(): Readonly<Pass> {
    return this.#pass;
  }

  /** Whether the next forward pass may differ from what has been planned. A rehearsal then plans it anew. */
  get stale(): boolean {
    const plans = [...this.#plans.values()];
    return (
      this.#varies ||
      plans.length === 0 ||
      plans.some(({ steps }) => [...steps.values()].some((step) => !step.current()))
    );
  }

  /**
   * A forward pass, or a rehearsal of it, is complete: passes that begin alike are planned by it. `images`: how many images
   * they will have.
   */
  conclude(pass: Readonly<Pass> = this.#pass, images = pass.images): void {
    const { plan, trace } = pass;
    this.close();
    const [first] = trace;
    const asPlanned =
      trace.length === plan.steps.size && trace.every((step) => plan.steps.get(step.name) === step);
    if (!first || asPlanned) return;
    this.#plans.set(first.parameter ?? first.name, this.#plan(trace, images));
    if (plan !== unplanned) this.#varies = true;
  }

  /** No further op of this pass will run. */
  close(): void {
    for (const rerun of this.#pass.reruns) rerun.close();
  }

  /** The saved tensor that receives a request for a tensor. */
  receiver(tensor: Tensor, site: Site, need: Need): SavedTensor {
    const saved = SavedTensor.of(tensor) ?? this.#saved(tensor, site.name);
    // The first op that saves it may have it in another shape than the op that put it out.
    if (!saved.kept) saved.attach(tensor);
    if (saved.promised(site, need)) return saved;
    const kept = saved.recipe ? this.#entered(saved.besides(tensor)) : saved;
    kept.requests.push(request(site, need));
    this.#requested(site, need);
    return kept;
  }

  /** Before an op runs. `first`: a forward pass begins with it. */
  apply<A>(applied: Applied<A>, first: boolean): Link {
    const { op, parameter, inputs, run } = applied;
    if (first) this.#begin(this.#plans.get(parameter ?? run.site) ?? unplanned, inputs[0]!.shape[0] ?? 1);
    const { plan, trace, images } = this.#pass;
    const name = this.#nextStepAt(run.site);
    const found = plan.steps.get(name);
    const step = found && found.parameter === parameter && alike(found.op, op) ? found : null;
    const sources = inputs.map((input, i) => this.#input(input, `${name} input ${i}`));
    const known = sources.map(({ promise }, i) => promise !== null && promise.name === step?.inputs[i]);
    const exact = known.length === step?.inputs.length && known.every(Boolean);
    let out = exact ? this.#recover(applied, name, sources) : null;
    const rerun = exact ? this.#rerunAt(name, sources) : null;
    for (const [i, source] of sources.entries()) source.read(known[i]!);
    return {
      ran: (y, saved) => {
        out ??= SavedTensor.of(y) ?? this.#saved(y, name, step !== null);
        out.attach(y);
        const { how, by } = out.promise?.made ?? {};
        const kept = (source: SavedTensor) => source.kept || saved.some((x) => SavedTensor.of(x) === source);
        if (exact && how === "recomputed" && by === name && sources.every(kept)) {
          out.make(recomputed(applied, sources));
        }
        rerun?.ran(applied, sources, out);
        if (rerun && how === "rerun" && name === out.name) out.make(rerun.recipe(out));
      },
      put: (handles) => {
        const traced = {
          name,
          op,
          parameter,
          inputs: sources.map((source) => source.name),
          output: out!.name,
          work: op.work?.(applied.attributes),
          saves: savesOf(op.saves, handles),
          current: applied.current,
        };
        const same = step && sameStep(step, traced);
        trace.push(same ? step : { ...traced, ...sizesOf([...sources, out!], handles, images) });
      },
    };
  }

  /** The segment that goes on with this step, or begins with it, if it is as planned so far. */
  #rerunAt(name: string, sources: readonly SavedTensor[]): Rerun | null {
    const { plan, reruns } = this.#pass;
    const segment = plan.segments.get(name);
    if (!segment) return null;
    const entry = sources.find((source) => source.name === segment.entry);
    if (entry && segment.steps[0] === name) reruns.push(new Rerun(segment, entry));
    const last = reruns.at(-1);
    return last?.segment === segment && last.follows(name, sources) ? last : null;
  }

  #begin(plan: ChainPlan, images: number): void {
    this.close();
    this.#pass = passOf(plan, images);
    for (const { saves } of plan.steps.values())
      for (const { site, need } of saves) this.#requested(site, need);
  }

  /** If the plan says that an input is recovered from the output: the output to be. */
  #recover<A>(applied: Applied<A>, name: string, sources: readonly SavedTensor[]): SavedTensor | null {
    const i = sources.findIndex(
      ({ promise }) => promise?.made?.how === "recovered" && promise.made.by === name,
    );
    const chosen = sources[i];
    const others = sources.filter((source) => source !== chosen);
    // Another op that reads it would request more of it, or would send it a gradient where the plan expects none.
    const alone = chosen?.asPromised && chosen.unread && !applied.inputs[i]!.storage.shared;
    if (!chosen || !alone || chosen.shares === 0 || !others.every(({ kept }) => kept)) return null;
    const y = this.#saved(applied.inputs[i]!, name);
    chosen.make(recovered(applied, [y, ...others]));
    return y;
  }

  /** The saved tensor of an op's input; `outside`: its name if no op put it out. */
  #input(tensor: Tensor, outside: string): SavedTensor {
    const saved = SavedTensor.of(tensor);
    // A tensor that outlives a pass still has the saved tensor of that pass.
    if (saved && (this.#pass.tensors.has(saved) || saved.shares > 0)) return saved;
    return this.#saved(tensor, outside).attach(tensor);
  }

  #saved({ engine, shape }: Tensor, name: string, planned = true): SavedTensor {
    const promise = planned ? (this.#pass.plan.tensors.get(name) ?? null) : null;
    return this.#entered(new SavedTensor(this.#packer, engine, shape, name, promise));
  }

  #entered(saved: SavedTensor): SavedTensor {
    this.#pass.tensors.add(saved);
    return saved;
  }

  #nextStepAt(site: string): string {
    const { applied } = this.#pass;
    const count = (applied.get(site) ?? 0) + 1;
    applied.set(site, count);
    return count === 1 ? site : `${site} #${count}`;
  }
}
