/** Reductions of a whole tensor to one number. Sums follow order.ts. */
import { orderedSum } from "./order.js";

const { abs, fround } = Math;

export const sum = (x: Float32Array): number => orderedSum(0, x.length, (i) => x[i]!);

export const sumAbs = (x: Float32Array, before = 0): number =>
  orderedSum(0, x.length, (i) => abs(x[i]!), before);

export const sumSquares = (x: Float32Array, before = 0): number =>
  orderedSum(0, x.length, (i) => fround(x[i]! * x[i]!), before);

/** NaN if any value is NaN. */
export const maxAbs = (x: Float32Array): number => x.reduce((max, value) => Math.max(max, abs(value)), 0);

/** −0 counts as zero, NaN does not. */
export const countNonZero = (x: Float32Array): number =>
  x.reduce((count, value) => (value !== 0 ? count + 1 : count), 0);

export const nonFinite = (x: Float32Array): number => x.findIndex((value) => !Number.isFinite(value));
