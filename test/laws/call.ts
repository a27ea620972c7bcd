/** Calls of kernels, from which their laws are made. */
import fc from "fast-check";
import type { Kernels } from "../../src/kernels/kernels.js";
import { type Data, data } from "../arbitrary/data.js";
import type { View } from "./subject.js";

/** One call of one kernel on prepared buffers; outputs are filled with arbitrary values. */
export interface Call {
  /** What a failure prints instead of thousands of numbers. */
  [fc.toStringMethod]?: () => string;
  buffers: View[];
  run(kernels: Kernels, buffers: View[]): unknown;
}

export const f32 = (view: View | undefined): Float32Array => view as Float32Array;
export const u8 = (view: View | undefined): Uint8Array => view as Uint8Array;

/** The cases of a law: a call made from some parameters and data. */
export function cases<P>(parameters: fc.Arbitrary<P>, make: (p: P, d: Data) => Call): fc.Arbitrary<Call> {
  return fc.tuple(parameters, data).map(([p, d]) => ({
    [fc.toStringMethod]: () => `${JSON.stringify(p)} on ${d.taste} data`,
    ...make(p, d),
  }));
}
