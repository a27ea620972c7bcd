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
  /** Whether each output value is one of the input's, and no other input value has a gradient: max pooling. */
  readonly selects?: boolean;
  /** The same op with a backward that needs its output in place of its input. */
  readonly byOutput?: ByOutput<A>;
  /**
   * For a backward that passes over δ and a saved tensor twice: the first pass. The op that makes δ shares its own pass over
   * that tensor, if it makes one.
   */
  readonly preview?: {
    readonly saved: string;
    begin(run: Pick<Backward, "engine" | "empty">, attributes: A): Preview;
  };
  /** How errors in what is saved reach the gradients. Needed if any tensor is saved as "value". */
  readonly noise?: NoiseLaw<A>;
  /** The parameter whose gradient depends on what is saved. */
  parameter?(attributes: A): Parameter | null;
  /**
   * All parameters that backward reads or adds to. When the last application that names a parameter has been passed, the
   * optimiser may update it.
   */
  parameters?(attributes: A): readonly Parameter[];
  /** The multiply-adds of one image, where the size of the output does not tell them: see work.ts. */
  work?(attributes: A): number;
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

/** Writes the gradient of `count` images, or of `count` rows of a parameter, from `first` on to `gradient`. */
export type GradientWriter = (gradient: Float32Array, first: number, count: number) => void;

/** What an op says of a pass over the parts of a saved tensor. */
export interface Parts {
  /** The tensor stays saved, for another pass over it. */
  readonly again?: boolean;
  /** The op allocates next to nothing while it has a part, which may therefore hold all images. */
  readonly light?: boolean;
}

/** How backward gets what forward saved. */
export interface Taking {
  /** A saved tensor, within its bound. The op disposes of it. */
  take(name: string): Tensor;
  /** A saved tensor that stays saved, so that others can still be made from it. The op disposes of it. */
  look(name: string): Tensor;
  /** A saved tensor in parts along its first axis. The op disposes of each part before it takes the next. */
  takeParts(name: string, how?: Parts): Iterable<Tensor>;
  /** Whether a saved tensor of so many bytes can be whole in memory and leave the step's peak as it is. */
  fitsWhole(bytes: number): boolean;
  /** dx = saved ≠ 0 ? dy : 0. Consumes dy. */
  gate(name: string, dy: Tensor): Tensor;
  /** Saved bits, valid until the backward of this op returns. */
  bits(name: string): Uint8Array;
}

/** What an op sees of δ before its backward. */
export interface Preview {
  /** The next part of δ, and of the saved tensor. Both are borrowed. */
  see(delta: Float32Array, x: Tensor): void;
}

/** What backward works with. */
export interface Backward extends Taking {
  /** What this op's preview has seen: all of δ. Null if it has seen none, or if δ has changed since. */
  readonly preview: Preview | null;
  /** Shows the op that put out the first input the next part of its δ, beside the part of the saved tensor taken last. */
  show(delta: Float32Array, x: Tensor): void;
  readonly engine: Machine;
  readonly site: string;
  /** Whether the gradient of input i is wanted. */
  wants(input: number): boolean;
  /** A new gradient tensor of unspecified content. */
  empty(shape: readonly number[]): Tensor;
  /**
   * What other ops have contributed to the gradient of input i so far, for an op that adds to it in place of making a
   * tensor of its own: the op then returns the sum. Null if there is nothing yet, or if another tensor shares it.
   */
  pending(input: number): Tensor | null;
  /**
   * The gradient of input i, of which `write` computes some images at a time. If other ops have contributed to it, the
   * result may be the sum.
   */
  contribute(input: number, shape: readonly number[], write: GradientWriter): Tensor;
  /**
   * Adds to the gradient of a parameter. Consumes a tensor. A large gradient may be written some rows (of the first axis)
   * at a time; then the parameter may be updated meanwhile, and backward has no further use of its values.
   */
  accumulate(parameter: Parameter, gradient: Tensor | GradientWriter): void;
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
  /** Whether recomputing takes much longer than copying the result, so that a copy in spare memory pays. */
  readonly dear?: boolean;
}

export interface ByOutput<A> {
  readonly op: Op<A>;
  /** Whether the output determines what backward needs, for these attributes. */
  applies(attributes: A): boolean;
}
