/**
 * JSON without loss. Numbers that JSON cannot express become { "$number": "NaN" }, and float32 arrays become
 * { "$float32": base64 of their little-endian bytes }. All other numbers are exact, because JavaScript writes
 * enough digits.
 */

import { DataError } from "../error.js";

/** `value` is plain data that may contain Float32Arrays. */
export function stringifyExactly(value: unknown): string {
  return JSON.stringify(
    value,
    (_, part: unknown) => {
      if (part instanceof Float32Array) {
        return { $float32: Buffer.from(part.buffer, part.byteOffset, part.byteLength).toString("base64") };
      }
      if (typeof part !== "number" || (Number.isFinite(part) && !Object.is(part, -0))) return part;
      return { $number: Object.is(part, -0) ? "-0" : String(part) };
    },
    1,
  );
}

/** Throws a DataError if the text is not such JSON. `where` names the file. */
export function parseExactly(text: string, where: string): unknown {
  try {
    return JSON.parse(text, (_, part: unknown) => {
      if (typeof part !== "object" || part === null || Object.keys(part).length !== 1) return part;
      if ("$number" in part && typeof part.$number === "string") return Number(part.$number);
      if ("$float32" in part && typeof part.$float32 === "string") {
        return new Float32Array(new Uint8Array(Buffer.from(part.$float32, "base64")).buffer);
      }
      return part;
    });
  } catch {
    // The text is not JSON, a float32 array is incomplete, or the nesting is too deep for the stack.
    throw new DataError({
      where,
      expected: "JSON as comet-ts writes it",
      got: "other text",
      remedy: "restore the file",
    });
  }
}
