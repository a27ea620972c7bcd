/**
 * Runs the steps of a segment once more in the backward pass, with the bits of the forward pass.
 *
 * The first request for any of the segment's tensors runs all steps up to the last tensor that is still requested, on the
 * whole batch. Each requested tensor stays, as it is, until its last share is given up. So a segment is computed once,
 * whatever the number of its convolutions. Normalisation repeats with the moments that it saved, so running statistics are
 * not updated twice; dropout and stochastic depth repeat by their seeds.
 */
import type { Op } from "./op.js";
import { type Packed, Raw } from "./packed.js";
import type { Applied } from "./recipe.js";
import type { Recipe, SavedTensor } from "./saved.js";
import type { Segment } from "./segment.js";
import { Tensor } from "./tensor.js";

/** The place of the entry among the steps. */
const atEntry = -1;

interface Step {
  // biome-ignore lint/suspicious/noExplicitAny: the attributes' type belongs to the op; a rerun only passes them on.
  readonly applied: Applied<any>;
  /** The places of the steps that put out its inputs. */
  readonly inputs: readonly number[];
}

/** A tensor that is made by the rerun: the place of its step, and its values once they are there. */
interface Wanted {
  readonly at: number;
  raw: Raw | null;
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
    this.#steps.push({ applied, inputs: inputs.map((input) => this.#places.get(input)!) });
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
    const packed = (saved: SavedTensor): Packed => {
      this.#wanted.set(saved, { at, raw: null });
      return new FromSegment(this, saved);
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
    if (wanted.raw === null) this.#run();
    const x = wanted.raw!.range(first, count);
    // A later op may have given the tensor another shape.
    return x.move([count, ...saved.shape.slice(1)], null);
  }

  /** The last share of a tensor is given up. */
  leave(saved: SavedTensor): void {
    this.#wanted.get(saved)?.raw?.free();
    this.#wanted.delete(saved);
    this.#letGo();
  }

  /** Gives up the share in the entry once nothing can need it. */
  #letGo(): void {
    const needed = [...this.#wanted.values()].some(({ raw }) => raw === null);
    if (this.#open || needed || !this.#holds) return;
    this.#holds = false;
    this.#entry.leave();
  }

  #run(): void {
    const wantedAt = new Map([...this.#wanted.values()].map((wanted) => [wanted.at, wanted]));
    const steps = this.#steps.slice(0, Math.max(...wantedAt.keys()) + 1);
    const reads = steps.flatMap(({ inputs }) => inputs);
    /** How often each value will still be read. */
    const left = new Map<number, number>();
    for (const place of reads) left.set(place, (left.get(place) ?? 0) + 1);
    const values = new Map([[atEntry, this.#entry.unpack()]]);
    const read = (place: number): Tensor => {
      const value = values.get(place)!;
      left.set(place, left.get(place)! - 1);
      if (left.get(place)! > 0) return value.ref;
      values.delete(place);
      return value;
    };
    try {
      for (const [place, { applied, inputs }] of steps.entries()) {
        const y = again(applied, inputs.map(read));
        const wanted = wantedAt.get(place);
        if (wanted) wanted.raw = new Raw(y.ref);
        if (left.has(place)) values.set(place, y);
        else y.dispose();
      }
    } finally {
      for (const value of values.values()) value.dispose();
    }
    this.#letGo();
  }
}

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
  readonly bytes = 0;
  readonly images: number;
  readonly #rerun: Rerun;
  readonly #saved: SavedTensor;

  constructor(rerun: Rerun, saved: SavedTensor) {
    this.#rerun = rerun;
    this.#saved = saved;
    this.images = saved.shape[0] ?? 1;
  }

  range(first: number, count: number): Tensor {
    return this.#rerun.images(this.#saved, first, count);
  }

  free(): void {
    this.#rerun.leave(this.#saved);
  }
}
