/**
 * Checks the arguments of the codec's functions before anything is read or written: arrays have the right type and are not
 * detached, source and target do not overlap, and no call begins within another.
 */
import { ShapeError, UsageError } from "../error.js";

/** Describes a value in an error message. */
export const described = (value: unknown): string =>
  typeof value === "string"
    ? `the string ${JSON.stringify(value)}`
    : ArrayBuffer.isView(value)
      ? kindOf(value)
      : String(value);

/** The built-in class of a value. Unlike instanceof, it also works for arrays of other realms. */
const kindOf = (value: unknown): string => Object.prototype.toString.call(value).slice(8, -1);

function checkArray(where: string, kind: "Float32Array" | "Uint8Array", array: ArrayBufferView): void {
  if (!ArrayBuffer.isView(array) || kindOf(array) !== kind) {
    throw new UsageError({
      where,
      expected: `a ${kind}`,
      got: described(array),
      remedy:
        kind === "Float32Array" ? "convert it by new Float32Array(values)" : "give the bytes as a Uint8Array",
    });
  }
  try {
    // This call throws if the memory was transferred or became too short for the array. Its length is 0 then.
    Uint8Array.prototype.values.call(array);
  } catch {
    throw new UsageError({
      where,
      expected: `a ${kind} that is not detached`,
      got: "a detached one",
      remedy: "give the array before its buffer is transferred, or a copy",
    });
  }
}

export const checkValues = (where: string, x: Float32Array): void => checkArray(where, "Float32Array", x);

export const checkBytes = (where: string, bytes: Uint8Array): void => checkArray(where, "Uint8Array", bytes);

/** Throws a UsageError if the arrays overlap, because a part of the source would then be overwritten before it is read. */
export function checkApart(where: string, source: ArrayBufferView, target: ArrayBufferView): void {
  const apart =
    source.buffer !== target.buffer ||
    source.byteOffset + source.byteLength <= target.byteOffset ||
    target.byteOffset + target.byteLength <= source.byteOffset;
  if (apart || source.byteLength === 0 || target.byteLength === 0) return;
  throw new UsageError({
    where,
    expected: "a source and a target that do not overlap",
    got: "arrays with common bytes",
    remedy: "give a target with memory of its own",
  });
}

/** Copies little-endian bytes to float32 values. A Node Buffer can begin at any byte of a larger memory that it shares. */
export function floatsOf(where: string, bytes: Uint8Array): Float32Array<ArrayBuffer> {
  if (bytes.length % 4 !== 0) {
    throw new ShapeError({
      where,
      expected: "whole float32 values, 4 bytes each",
      got: `${bytes.length} bytes`,
      remedy: "give the bytes of a float32 array",
    });
  }
  const values = new Float32Array(bytes.length / 4);
  new Uint8Array(values.buffer).set(bytes);
  return values;
}

/** Runs one function at a time. Throws a UsageError if one begins before the last has ended. */
export class Turn {
  #taken = false;

  run<Result>(where: string, work: () => Result): Result {
    if (this.#taken) {
      throw new UsageError({
        where,
        expected: "one call of the codec at a time",
        got: "a call from within another, by a getter of its options or a method of its arrays",
        remedy: "end the first call before the next begins",
      });
    }
    this.#taken = true;
    try {
      return work();
    } finally {
      this.#taken = false;
    }
  }
}
