/**
 * What a caller hands in, looked at before anything is read or written: arrays of the right type whose memory is still
 * there, a target that shares no byte with its source, and one call at a time.
 */
import { ShapeError, UsageError } from "../error.js";

/** What a value is, for messages: the name of its class, a string in quotes. */
export const described = (value: unknown): string =>
  typeof value === "string"
    ? `the string ${JSON.stringify(value)}`
    : ArrayBuffer.isView(value)
      ? kindOf(value)
      : String(value);

/** By the built-in tag, which arrays of other realms and Node's Buffers have too. */
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
    // Throws where the memory was transferred, or has become too short for the view: all lengths are 0 then.
    Uint8Array.prototype.values.call(array);
  } catch {
    throw new UsageError({
      where,
      expected: `a ${kind} whose memory is there`,
      got: "a detached one",
      remedy: "give the array before its buffer is transferred, or a copy",
    });
  }
}

export const checkValues = (where: string, x: Float32Array): void => checkArray(where, "Float32Array", x);

export const checkBytes = (where: string, bytes: Uint8Array): void => checkArray(where, "Uint8Array", bytes);

/** Throws a UsageError where the two arrays have a byte in common: a part of the source would be written over before it is read. */
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

/** The float32 values of little-endian bytes, copied: a Node Buffer may begin at any byte of a pool that others use too. */
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

/** Runs one piece of work at a time. Throws a UsageError for one that begins while another has not ended. */
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
