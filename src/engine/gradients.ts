/**
 * The gradients of parameters in a backward pass. A gradient is complete when the last application that uses its
 * parameter has been passed. Then a receiver may have it, for example an optimiser, which updates the parameter at once
 * and frees the gradient. So the gradients of all parameters are never in memory together. A large gradient may even come
 * in pieces, some rows after the other.
 */
import { UsageError } from "../error.js";
import { blockLength } from "../kernels/reference/order.js";
import type { Application, Visit } from "./application.js";
import type { GradientWriter } from "./op.js";
import type { Parameter } from "./parameter.js";
import { sizeOf, type Tensor } from "./tensor.js";

/** Receives the gradients of a backward pass, each once, as soon as it is complete. */
export interface GradientReceiver {
  /** Whether it wants each gradient in one piece. */
  readonly whole: boolean;
  /**
   * Takes over `gradient`: that of the whole parameter, or of its rows from `first` on. Rows are the parts along the first
   * axis; all rows come, in order. The backward pass no longer needs the values of these rows.
   */
  receive(parameter: Parameter, gradient: Tensor, first: number): void;
}

/** The bytes of a gradient that comes in pieces, for one piece. */
const pieceBytes = 2 ** 20;

const greatestDivisor = (a: number, b: number): number => (b === 0 ? a : greatestDivisor(b, a % b));

/** The rows of one piece. A piece is made of whole blocks of long sums, so that sums over all pieces have the same bits. */
export function rowsAtOnce([rows, ...row]: readonly number[]): number {
  const size = sizeOf(row);
  const unit = blockLength / greatestDivisor(blockLength, size);
  return Math.min(rows!, unit * Math.max(1, Math.floor(pieceBytes / (4 * size * unit))));
}

/** a + b. Consumes both. */
export function sum(a: Tensor, b: Tensor): Tensor {
  const [over, other] = a.storage.exclusive() || !b.storage.exclusive() ? [a, b] : [b, a];
  const values = over.data;
  const y = over.recycle("sum of gradients");
  y.engine.kernels.add(y.data, values, other.data);
  other.dispose();
  return y;
}

const used = ({ op, attributes }: Application): readonly Parameter[] => op.parameters?.(attributes) ?? [];

export class ParameterGradients {
  /** Null: gradients stay at their parameters. */
  readonly #receiver: GradientReceiver | null;
  /** The number of applications still to come that use a parameter. */
  readonly #uses = new Map<Parameter, number>();

  constructor(tape: readonly Application[], receiver: GradientReceiver | null) {
    this.#receiver = receiver;
    for (const parameter of tape.flatMap(used)) this.#uses.set(parameter, this.#usesOf(parameter) + 1);
  }

  #usesOf(parameter: Parameter): number {
    return this.#uses.get(parameter) ?? 0;
  }

  /** Adds what an application contributes to the gradient of a parameter. Consumes `gradient`. */
  accumulate(application: Application, visit: Visit | null, parameter: Parameter, gradient: Tensor): void {
    check(application, parameter);
    visit?.parameter?.(parameter, gradient);
    parameter.gradient = parameter.gradient === null ? gradient : sum(parameter.gradient, gradient);
  }

  /** The same, in pieces if everyone can do with pieces. `empty` makes a tensor for a piece. */
  accumulateRows(
    application: Application,
    visit: Visit | null,
    parameter: Parameter,
    empty: (shape: readonly number[]) => Tensor,
    write: GradientWriter,
  ): void {
    check(application, parameter);
    const receiver = this.#receiver;
    const { shape } = parameter.value;
    const [rows, ...row] = shape as [number, ...number[]];
    const seenWhole = visit?.parameter !== undefined && visit.rows !== true;
    const alone = this.#usesOf(parameter) === 1 && parameter.gradient === null;
    if (receiver === null || receiver.whole || seenWhole || !alone) {
      const gradient = empty(shape);
      write(gradient.data, 0, rows);
      this.accumulate(application, visit, parameter, gradient);
      return;
    }
    const most = rowsAtOnce(shape);
    for (let first = 0; first < rows; first += most) {
      const count = Math.min(most, rows - first);
      const gradient = empty([count, ...row]);
      write(gradient.data, first, count);
      visit?.parameter?.(parameter, gradient);
      receiver.receive(parameter, gradient, first);
    }
  }

  /** The backward pass has passed an application: hands over the gradients that are now complete. */
  passed(application: Application): void {
    for (const parameter of used(application)) {
      const uses = this.#usesOf(parameter) - 1;
      this.#uses.set(parameter, uses);
      const { gradient } = parameter;
      if (this.#receiver === null || uses > 0 || gradient === null) continue;
      parameter.gradient = null;
      this.#receiver.receive(parameter, gradient, 0);
    }
  }
}

function check(application: Application, parameter: Parameter): void {
  if (used(application).includes(parameter)) return;
  throw new UsageError({
    where: `${application.site}, op ${application.op.name}`,
    expected: "a gradient of one of the op's parameters",
    got: `one of ${parameter.name}`,
    remedy: "name in the op's `parameters` all parameters that its backward reads or adds to",
  });
}
