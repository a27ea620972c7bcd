/**
 * What the parts of a forward pass cost in bytes and in work, whether a part is kept as chains keep it (plan.ts) or
 * computed again. A part is what lies between two places.
 */
import { alignUp } from "../../device/allocator.js";
import { type Keeps, planChains, type TracedStep } from "../../engine/plan.js";
import type { Segment, Segments, Size } from "../../engine/segment.js";
import { workOf } from "../../engine/work.js";
import { gradientBytes, valueBytes } from "./live.js";
import { type Place, placesOf } from "./places.js";

/** A part of which nothing is computed again but cheap maps, or one that is computed again. */
export interface Part {
  /** The bytes that wait through the forward pass, those of the tensor that enters included. */
  readonly keptBytes: number;
  /**
   * The most bytes of this part at a time in its backward pass: what it saves and, if that is asked for, what the device
   * holds for the moment.
   */
  readonly peakBytes: number;
  /** The multiply-adds of computing it again. */
  readonly work: number;
}

export interface PartOptions {
  /** The bytes of a kept tensor ÷ those of its float32 values, as far as it may err. */
  readonly keptShare: number;
  /** Whether peaks count what is not saved as well: see live.ts. */
  readonly live: boolean;
}

/** A choice of parts that are computed again: pairs of places by number, in order. */
export type Choice = readonly (readonly [from: number, to: number])[];

export class Parts {
  readonly places: readonly Place[];
  readonly #steps: readonly TracedStep[];
  readonly #keeps: Keeps;
  readonly #images: number;
  readonly #options: PartOptions;
  readonly #sizes: ReadonlyMap<string, Size>;
  readonly #known = new Map<string, Part | null>();

  constructor(
    steps: readonly TracedStep[],
    keeps: Keeps,
    images: number,
    options: PartOptions = { keptShare: 1, live: false },
  ) {
    this.#steps = steps;
    this.#keeps = keeps;
    this.#images = images;
    this.#options = options;
    this.places = placesOf(steps, keeps);
    this.#sizes = new Map(steps.flatMap(({ sizes }) => [...sizes]));
  }

  /** The number of the end of the pass, where that of the first place is 0. */
  get end(): number {
    return this.places.length;
  }

  kept(from: number, to: number): Part {
    return this.#part(from, to, false)!;
  }

  /** Null if the part cannot be computed again: it ends the pass, or reads a tensor from outside. */
  again(from: number, to: number): Part | null {
    return this.#part(from, to, true);
  }

  /** What a store is told of a choice. */
  segments(choice: Choice, share: number): Segments {
    const segments = choice.map(([from, to]) => this.#segment(from, to));
    const pinned = choice.flatMap((pair) => pair.map((i) => this.places[i]!.tensor));
    return { segments, pinned: new Set(pinned), share };
  }

  #segment(from: number, to: number): Segment {
    const { after, tensor: entry } = this.places[from]!;
    return { entry, steps: this.#steps.slice(after, this.places[to]!.after).map(({ name }) => name) };
  }

  #part(from: number, to: number, again: boolean): Part | null {
    const key = `${from} ${to} ${again}`;
    if (!this.#known.has(key)) this.#known.set(key, this.#measured(from, to, again));
    return this.#known.get(key)!;
  }

  #measured(from: number, to: number, again: boolean): Part | null {
    const { keptShare, live } = this.#options;
    const entry = this.places[from]!;
    const exit = this.places[to]?.tensor ?? null;
    const steps = this.#steps.slice(entry.after, this.places[to]?.after);
    if (again && (exit === null || readsOutside(steps, entry.tensor))) return null;
    const pinned = new Set(exit === null ? [entry.tensor] : [entry.tensor, exit]);
    const segments = again ? [this.#segment(from, to)] : [];
    const { tensors } = planChains(steps, this.#keeps, { segments, pinned, share: 1 });
    let keptBytes = this.#bits(steps);
    let againBytes = 0;
    /** The last step that has to be run again. */
    let last = -1;
    for (const { name, made, requests } of tensors.values()) {
      if (made?.how === "rerun") {
        againBytes += this.#bytes(name, keptShare);
        // Beside an entry that errs, the signs of what a ReLU reads are kept.
        const signed = this.#keeps === "last" && requests.some(({ positive }) => positive);
        if (signed) keptBytes += this.#bytes(name, 1 / 32);
        last = Math.max(
          last,
          steps.findIndex((step) => step.name === name),
        );
      } else if (name === entry.tensor || (made === null && requests.length > 0 && name !== exit)) {
        const mayErr = requests.every(({ need }) => need !== "exact");
        keptBytes += this.#bytes(name, mayErr ? keptShare : 1);
      }
    }
    // The exit belongs to the next part, whose backward pass is over; but this part may still ask for it.
    const own = new Set(steps.at(-1)!.saves.map(({ site }) => site.name));
    const asked = exit === null ? [] : (tensors.get(exit)?.requests ?? []);
    const stays = asked.some(({ site }) => !own.has(site.name));
    const exitBytes = stays ? this.#bytes(exit!, keptShare) : 0;
    const savedBytes = keptBytes + againBytes + exitBytes;
    return {
      keptBytes,
      peakBytes: savedBytes + (live ? this.#live(steps, last + 1, exit) : 0),
      work: steps.slice(0, last + 1).reduce((sum, step) => sum + this.#images * workOf(step), 0),
    };
  }

  /** `again`: the number of steps that are run again, while the gradient of the exit waits. */
  #live(steps: readonly TracedStep[], again: number, exit: string | null): number {
    const bytesOf = (name: string) => this.#bytes(name, 1);
    const values = again > 0 ? valueBytes(steps.slice(0, again), bytesOf) + bytesOf(exit!) : 0;
    return Math.max(values, gradientBytes(steps, bytesOf));
  }

  #bits(steps: readonly TracedStep[]): number {
    return steps.reduce(
      (sum, { bitsBytes }) => sum + (bitsBytes > 0 ? alignUp(this.#images * bitsBytes) : 0),
      0,
    );
  }

  #bytes(name: string, share: number): number {
    const { each, once } = this.#sizes.get(name)!;
    return alignUp(share * this.#images * each + once);
  }
}

function readsOutside(steps: readonly TracedStep[], entry: string): boolean {
  const made = new Set([entry]);
  return steps.some(({ inputs, output }) => {
    const outside = inputs.some((input) => !made.has(input));
    made.add(output);
    return outside;
  });
}
