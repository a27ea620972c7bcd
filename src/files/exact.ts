/**
 * JSON that loses nothing: numbers that JSON has no text for become { "$number": "NaN" }, float32 arrays
 * { "$float32": base64 of their little-endian bytes }. Every other number comes back as it was, since JavaScript writes
 * as many digits as that takes.
 */

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

/** Throws a SyntaxError on text that is no JSON. */
export function parseExactly(text: string): unknown {
  return JSON.parse(text, (_, part: unknown) => {
    if (typeof part !== "object" || part === null || Object.keys(part).length !== 1) return part;
    if ("$number" in part && typeof part.$number === "string") return Number(part.$number);
    if ("$float32" in part && typeof part.$float32 === "string") {
      return new Float32Array(new Uint8Array(Buffer.from(part.$float32, "base64")).buffer);
    }
    return part;
  });
}
