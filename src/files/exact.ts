/**
 * JSON without loss. Numbers that JSON cannot express become { "$number": "NaN" }, and float32 arrays become
 * { "$float32": base64 of their little-endian bytes }. All other numbers are exact, because JavaScript writes
 * enough digits.
 */

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

/** Throws a SyntaxError if the text is not JSON. */
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
