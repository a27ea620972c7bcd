/**
 * JSON that loses nothing: numbers that JSON has no text for become { "$number": "NaN" }, float32 arrays
 * { "$float32": base64 of their little-endian bytes }. Every other number comes back as it was, since JavaScript writes
 * as many digits as that takes.
 */

import { DataError } from "../error.js";

/** `value`: plain data, and Float32Arrays in it. */
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

/** `where` names the file. A DataError for text that is no such JSON. */
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
    // No JSON, a part of a float32, or parts in parts too deep for the stack.
    throw new DataError({
      where,
      expected: "JSON as comet-ts writes it",
      got: "other text",
      remedy: "restore the file",
    });
  }
}
