/**
 * Runs the steps of a segment once more in the backward pass, with the bits of the forward pass.
 *
 * The first request for any of the segment's tensors runs all steps up to the last tensor that is still requested, on the
 * whole batch. The store packs each requested tensor, which stays until its last share is given up. So a segment is computed once,
 * whatever the number of its convolutions. Normalisation repeats with the moments that it saved, so running statistics are
 * not updated twice; dropout and stochastic depth repeat by their seeds.
 *
 * If the entry comes back with errors, so does every value of the segment. A store may then keep the signs of what a ReLU
 * reads, one bit a value, so that gradients pass where they passed in the forward pass.
 */
import type { Op } from "./op.js";
import { imagesAtOnce, type Packed, type Signs } from "./packed.js";
import type { Applied } from "./recipe.js";
import type { Packer, Recipe, SavedTensor } from "./saved.js";
import type { Segment } from "./segment.js";
import { Tensor } from "./tensor.js";

/** The place of the entry among the steps. */
const atEntry = -1;

interface Step {
  // biome-ignore lint/suspicious/noExplicitAny: the attributes' type belongs to the op; a rerun only passes them on.
  readonly applied: Applied<any>;
  readonly sources: readonly SavedTensor[];
  /** The places of the steps that put out its inputs. */
  readonly inputs: readonly number[];
}

/** A tensor that is made by the rerun: the place of its step, and what the store has made of it once it is there. */
interface Wanted {
  readonly at: number;
  readonly packer: Packer;
  readonly signs: Signs | null;
  packed: Packed | null;
}

export class Rerun {
  readonly segment: Segment;
  readonly #entry: SavedTensor;
  readonly #steps: Step[] = [];
  /** The last step so far that put out each tensor; a step may put out the tensor that it reads. */
  readonly #places: Map<SavedTensor, number>;
  readonly #wanted = new Map<SavedTensor, Wanted>();
  #open = true;
  /** Whether there is a share in the entry. */
  #holds = true;

  constructor(segment: Segment, entry: SavedTensor) {
    this.segment = segment;
    this.#entry = entry;
    this.#places = new Map([[entry, atEntry]]);
    entry.join();
  }

  /** Whether a step is the one that follows in the segment, and reads nothing from outside. */
  follows(name: string, inputs: readonly SavedTensor[]): boolean {
    return (
      this.#open &&
      this.segment.steps[this.#steps.length] === name &&
      inputs.every((input) => this.#places.has(input))
    );
  }

  /** The next step has run. */
  // biome-ignore lint/suspicious/noExplicitAny: see Step.
  ran(applied: Applied<any>, inputs: readonly SavedTensor[], out: SavedTensor): void {
    const places = inputs.map((input) => this.#places.get(input)!);
    this.#steps.push({ applied, sources: inputs, inputs: places });
    this.#places.set(out, this.#steps.length - 1);
  }

  /** The forward pass is over: no further share will be asked for. */
  close(): void {
    this.#open = false;
    this.#letGo();
  }

  /** How the output of the last step is made. */
  recipe(out: SavedTensor): Recipe {
    const at = this.#steps.length - 1;
    const packed = (saved: SavedTensor, packer: Packer): Packed => {
      const signs = saved.requests.some(({ positive }) => positive) ? packer.signsOf(saved) : null;
      this.#wanted.set(saved, { at, packer, signs, packed: null });
      return new FromSegment(this, saved, this.#entry, signs);
    };
    return {
      sources: [this.#entry],
      sum: false,
      make: (first, count) => this.images(out, first, count),
      packed,
    };
  }

  images(saved: SavedTensor, first: number, count: number): Tensor {
    const wanted = this.#wanted.get(saved)!;
    if (wanted.packed === null) this.#run();
    const x = wanted.packed!.range(first, count, saved.shares > 1);
    // A later op may have given the tensor another shape.
    return x.move([count, ...saved.shape.slice(1)], null);
  }

  /** The last share of a tensor is given up. */
  leave(saved: SavedTensor): void {
    this.#wanted.get(saved)?.packed?.free();
    this.#wanted.delete(saved);
    this.#letGo();
  }

  /** Gives up the share in the entry once nothing can need it. */
  #letGo(): void {
    const needed = [...this.#wanted.values()].some(({ packed }) => packed === null);
    if (this.#open || needed || !this.#holds) return;
    this.#holds = false;
    this.#entry.leave();
  }

  #run(): void {
    const wantedAt = new Map([...this.#wanted].map(([saved, wanted]) => [wanted.at, { saved, wanted }]));
    const steps = this.#steps.slice(0, Math.max(...wantedAt.keys()) + 1);
    /** How often each value will still be read. */
    const left = new Map<number, number>();
    for (const step of steps) for (const place of readsOf(step)) left.set(place, (left.get(place) ?? 0) + 1);
    const values = new Map<number, Tensor>();
    if (left.has(atEntry)) values.set(atEntry, this.#entry.unpack());
    const read = (place: number): Tensor => {
      const value = values.get(place)!;
      left.set(place, left.get(place)! - 1);
      if (left.get(place)! > 0) return value.ref;
      values.delete(place);
      return value;
    };
    try {
      for (const [place, step] of steps.entries()) {
        const y = this.#again(step, readsOf(step).map(read));
        const { saved, wanted } = wantedAt.get(place) ?? {};
        if (wanted) wanted.packed = wanted.packer.repack(saved!, y);
        if (left.has(place)) values.set(place, y);
        else y.dispose();
      }
    } finally {
      for (const value of values.values()) value.dispose();
    }
    this.#letGo();
  }

  /** The output of a step from its inputs, which it consumes; for a ReLU of the entry, from what the entry knows of its signs. */
  #again({ applied, sources }: Step, inputs: readonly Tensor[]): Tensor {
    if (inputs.length === 0) return this.#entry.rectified(0, this.#entry.shape[0] ?? 1);
    const signs = rectifies(applied) ? this.#wanted.get(sources[0]!)?.signs : null;
    return signs ? signs.rectify(inputs[0]!, 0) : again(applied, inputs);
  }
}

/** The places whose values a step reads; none for a ReLU of the entry. */
const readsOf = ({ applied, inputs }: Step): readonly number[] =>
  rectifies(applied) && inputs[0] === atEntry ? [] : inputs;

// biome-ignore lint/suspicious/noExplicitAny: see Step.
const rectifies = ({ op }: Applied<any>): boolean => op.recomputable?.rectifies === true;

/** The output of an application from its inputs, on the whole batch. Consumes them. */
function again<A>({ op, attributes, run }: Applied<A>, inputs: readonly Tensor[]): Tensor {
  if (op.recomputable) return op.recomputable.recompute(run, inputs, attributes, 0);
  const { y, saved = {} }: ReturnType<Op<A>["forward"]> = op.forward(
    { ...run, recording: false },
    inputs,
    attributes,
  );
  for (const what of [...inputs, ...Object.values(saved)]) {
    if (!(what instanceof Tensor)) run.engine.device.free(what);
    else if (what !== y && !what.moved) what.dispose();
  }
  return y;
}

/** A tensor that is not there until its segment is run again. */
class FromSegment implements Packed {
  readonly kind = "recipe";
  readonly rectified?: (first: number, count: number) => Tensor;
  readonly #rerun: Rerun;
  readonly #saved: SavedTensor;
  readonly #entry: SavedTensor;
  readonly #signs: Signs | null;

  constructor(rerun: Rerun, saved: SavedTensor, entry: SavedTensor, signs: Signs | null) {
    this.#rerun = rerun;
    this.#saved = saved;
    this.#entry = entry;
    this.#signs = signs;
    if (signs === null) return;
    this.rectified = (first, count) => {
      const x = this.range(first, count);
      return signs.rectify(x, (x.size / count) * first);
    };
  }

  /** A store may pack the tensor, which is then unpacked in parts. */
  get images(): number {
    return imagesAtOnce(this.#saved.shape);
  }

  get bytes(): number {
    return this.#signs?.bytes ?? 0;
  }

  /** That of the entry, from which the true one differs by what the steps in between do to an error. */
  get variance(): number {
    return this.#entry.variance;
  }

  range(first: number, count: number): Tensor {
    return this.#rerun.images(this.#saved, first, count);
  }

  free(): void {
    this.#signs?.free();
    this.#rerun.leave(this.#saved);
  }
}
