/**
 * What an op is: a forward, a backward, and a declaration of what it saves in between. tape.ts runs ops.
 *
 *            inputs ──► forward ──► output              dy ──► backward ──► gradients of the inputs
 *                          │ saved                                ▲
 *                          ▼                                      │
 *                     store.put ───────── handle ──────────► store.take
 *
 * An op is mathematics: it does not know how a store keeps what it saves. What is known of the errors that a store may
 * make is a noise law (noise.ts), which stands beside the op.
 */
import type { Block } from "../device/device.js";
import type { ImageWriter } from "./contribution.js";
import type { NoiseLaw } from "./noise.js";
import type { Need } from "./packed.js";
import type { Parameter } from "./parameter.js";
import type { Machine, Tensor } from "./tensor.js";

export interface Op<A> {
  readonly name: string;
  /** What is saved under which name, and what backward needs of it; "bits" are packed bits, which stay as they are. */
  readonly saves: Readonly<Record<string, Need | "bits">>;
  /**
   * Of these, the inputs that are saved as they are, by their place. They are handed to the store before forward, which may
   * therefore recycle them; it does not return them.
   */
  readonly savesInputs?: Readonly<Record<string, number>>;
  /**
   * How the output is made again, for ops that cost little more than reading their operands. Others run `forward` again, so
   * it must do nothing but make its output and what it saves.
   */
  readonly recomputable?: Recomputable<A>;
  /** The same op with a backward that needs its output in place of its input. */
  readonly byOutput?: ByOutput<A>;
  /** How errors in what is saved reach the gradients. Needed if any tensor is saved as "value". */
  readonly noise?: NoiseLaw<A>;
  /** The parameter whose gradient depends on what is saved. */
  parameter?(attributes: A): Parameter | null;
  /**
   * All parameters that backward reads or adds to. When the last application that names a parameter has been passed, the
   * optimiser may update it.
   */
  parameters?(attributes: A): readonly Parameter[];
  /** Reads its inputs; may recycle those that it does not save. `apply` disposes of the rest. */
  forward(run: Forward, inputs: readonly Tensor[], attributes: A): { y: Tensor; saved?: Saved };
  /** Consumes dy. Returns a gradient for each input, null where none is wanted or none exists. */
  backward(run: Backward, dy: Tensor, attributes: A): readonly (Tensor | null)[];
}

export type Saved = Record<string, Tensor | Block>;

/** What forward works with. */
export interface Forward {
  readonly engine: Machine;
  readonly site: string;
  /** Whether a backward pass may follow. */
  readonly recording: boolean;
  /** A new tensor of unspecified content. */
  empty(shape: readonly number[]): Tensor;
}

/** Writes the gradient of the `count` rows from `first` on to `gradient`. */
export type RowWriter = (gradient: Float32Array, first: number, count: number) => void;

/** What backward works with. */
export interface Backward {
  readonly engine: Machine;
  readonly site: string;
  /** Whether the gradient of input i is wanted. */
  wants(input: number): boolean;
  /** A saved tensor, within its bound. The op disposes of it. */
  take(name: string): Tensor;
  /** A saved tensor in parts along its first axis. The op disposes of each part before it takes the next. */
  takeParts(name: string): Iterable<Tensor>;
  /** A saved tensor that stays saved, so that it can still be made or taken. The op disposes of it. */
  look(name: string): Tensor;
  /** Like `takeParts`, for a first pass over a tensor that is taken afterwards. */
  lookParts(name: string): Iterable<Tensor>;
  /** Whether `takeParts` gives several parts, which are made when they are asked for. */
  inParts(name: string): boolean;
  /** dx = saved ≠ 0 ? dy : 0. Consumes dy. */
  gate(name: string, dy: Tensor): Tensor;
  /** Saved bits, valid until the backward of this op returns. */
  bits(name: string): Uint8Array;
  /** A new gradient tensor of unspecified content. */
  empty(shape: readonly number[]): Tensor;
  /**
   * What other ops have contributed to the gradient of input i so far, for an op that adds to it in place of making a
   * tensor of its own: the op then returns the sum. Null if there is nothing yet, or if another tensor shares it.
   */
  pending(input: number): Tensor | null;
  /**
   * The gradient of input i, of which `write` computes some images at a time. If other ops have contributed to it, the
   * result is the sum.
   */
  contribute(input: number, shape: readonly number[], write: ImageWriter): Tensor;
  /** Adds to the gradient of a parameter. Consumes `gradient`. */
  accumulate(parameter: Parameter, gradient: Tensor): void;
  /**
   * The same for a large gradient, which `write` computes some rows (of the first axis) at a time. The parameter may be
   * updated meanwhile, so backward has no further use of its values.
   */
  accumulateRows(parameter: Parameter, write: RowWriter): void;
}

/** What recomputation works with: some images of a batch, in the backward pass. */
export interface Recomputation {
  readonly engine: Machine;
  readonly site: string;
  /** A new tensor of unspecified content. */
  empty(shape: readonly number[]): Tensor;
  /** What the op itself saved exactly. The caller disposes of it. */
  look(name: string): Tensor;
}

export interface Recomputable<A> {
  /** y from the inputs, with the very bits of forward. Consumes them. `first`: the number of their first image. */
  recompute(run: Recomputation, inputs: readonly Tensor[], attributes: A, first: number): Tensor;
  /** The first input from y and the other inputs. Consumes them. */
  recover?(run: Recomputation, y: Tensor, others: readonly Tensor[], attributes: A): Tensor;
  /** dy/dx of the first input, value by value; absent where it is 1, or where y is not 0. Consumes the inputs. */
  sensitivity?(run: Recomputation, inputs: readonly Tensor[], attributes: A, first: number): Tensor;
  /** Whether y = max(x, 0). */
  readonly rectifies?: boolean;
}

export interface ByOutput<A> {
  readonly op: Op<A>;
  /** Whether the output determines what backward needs, for these attributes. */
  applies(attributes: A): boolean;
}
