/**
 * Every error a user can meet. One sentence each: where, what was expected, what came, what to do.
 */

export interface Complaint {
  /** The function, file or option that complains, e.g. `conv2d(features.0)`. */
  where: string;
  expected: string;
  got: string;
  /** The remedy, as an imperative. */
  remedy: string;
}

export class CometError extends Error {
  readonly where: string;
  readonly got: string;

  constructor(complaint: Complaint) {
    super(`${complaint.where}: expected ${complaint.expected}, got ${complaint.got}; ${complaint.remedy}`);
    this.name = new.target.name;
    this.where = complaint.where;
    this.got = complaint.got;
  }
}

/** Shapes, strides or lengths that do not fit together. */
export class ShapeError extends CometError {}

/** An error bound that is no positive finite number. */
export class BoundError extends CometError {}

/** Bytes that are no frame, or a damaged one. `where` names the field. */
export class FrameError extends CometError {}

/** A tensor used after it was moved into an op, or a buffer after it was freed; also what a step leaks. */
export class FreedError extends CometError {}

/** The device's budget is used up. */
export class MemoryError extends CometError {}

/** The bytes that saved tensors may take are too few, whatever their bounds. */
export class BudgetError extends CometError {}

/** Data files that are missing, truncated or damaged. */
export class DataError extends CometError {}

/** The disk takes no more: it is full, a quota is used up, or a file would become larger than it may. */
export class DiskError extends CometError {}

/** Options and settings that make no sense. */
export class UsageError extends CometError {}

/** A number that stopped being one: NaN or infinite loss, weights or gradients. */
export class NumericError extends CometError {}
