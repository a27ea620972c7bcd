/**
 * The errors that a user can get. Each message is one sentence: where, what was expected, what was found, and
 * what to do.
 */

export interface Complaint {
  /** The function, file or option where the problem is, for example `conv2d(features.0)`. */
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

/** An error bound that is not a positive finite number. */
export class BoundError extends CometError {}

/** Bytes that are not a frame, or a damaged frame. `where` names the field. */
export class FrameError extends CometError {}

/**
 * A tensor used after it was moved into an op, a buffer used after it was freed, or memory that a step leaks.
 */
export class FreedError extends CometError {}

/** The device's memory is exhausted. */
export class MemoryError extends CometError {}

/** The budget for saved tensors is too small for any bounds. */
export class BudgetError extends CometError {}

/** Data files that are missing, truncated or damaged. */
export class DataError extends CometError {}

/** The disk takes no more: it is full, a quota is used up, or a file would exceed the limit of its size. */
export class DiskError extends CometError {}

/** Options and settings that are invalid or contradict each other. */
export class UsageError extends CometError {}

/** NaN or infinity in a loss, in weights or in gradients. */
export class NumericError extends CometError {}
