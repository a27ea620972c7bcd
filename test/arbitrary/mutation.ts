/** Files as damage, or somebody who means harm, leaves them: a whole one, changed in a few places. */
import type { Rng } from "../../src/rng.js";

const bytesOfNote = [0, 1, 0x7f, 0x80, 0xff, 0x22, 0x5b, 0x7b, 0x2d];
const wordsOfNote = [0, 1, 0x7fffffff, 0x80000000, 0xffffffff, 0x00010000, 0xfffffff0];

const pick = <T>(rng: Rng, items: readonly T[]): T => items[rng.integer(0, items.length - 1)]!;

/** One to four changes: bits, bytes and words, parts that go, come twice or change places, an end that is missing. */
export function mutated(file: Uint8Array, rng: Rng): Uint8Array {
  let bytes = Uint8Array.from(file);
  for (let n = rng.integer(1, 4); n > 0 && bytes.length > 0; n--) bytes = pick(rng, changes)(bytes, rng);
  return bytes;
}

type Change = (bytes: Uint8Array, rng: Rng) => Uint8Array<ArrayBuffer>;

/** The front, where headers are, as often as all the rest. */
const place = (bytes: Uint8Array, rng: Rng): number =>
  rng.integer(0, Math.min(bytes.length, rng.integer(0, 1) === 0 ? 64 : bytes.length) - 1);

const range = (bytes: Uint8Array, rng: Rng): [number, number] => {
  const from = place(bytes, rng);
  return [from, Math.min(bytes.length, from + rng.integer(1, 16))];
};

const joined = (...parts: Uint8Array[]): Uint8Array<ArrayBuffer> => Uint8Array.from(Buffer.concat(parts));

const changes: readonly Change[] = [
  (bytes, rng) => {
    const copy = Uint8Array.from(bytes);
    copy[place(bytes, rng)]! ^= 1 << rng.integer(0, 7);
    return copy;
  },
  (bytes, rng) => {
    const copy = Uint8Array.from(bytes);
    copy[place(bytes, rng)] = pick(rng, bytesOfNote);
    return copy;
  },
  (bytes, rng) => {
    const copy = Uint8Array.from(bytes);
    const at = Math.min(place(bytes, rng), bytes.length - 4);
    if (at >= 0) new DataView(copy.buffer).setUint32(at, pick(rng, wordsOfNote), rng.integer(0, 1) === 0);
    return copy;
  },
  (bytes, rng) => Uint8Array.from(bytes.subarray(0, rng.integer(0, bytes.length - 1))),
  (bytes, rng) => {
    const [from, to] = range(bytes, rng);
    return joined(bytes.subarray(0, from), bytes.subarray(to));
  },
  (bytes, rng) => {
    const [from, to] = range(bytes, rng);
    return joined(bytes.subarray(0, to), bytes.subarray(from));
  },
  (bytes, rng) =>
    joined(
      bytes,
      Uint8Array.from({ length: rng.integer(1, 16) }, () => rng.integer(0, 255)),
    ),
];

const valuesOfNote: readonly unknown[] = [
  ...[null, true, false, "", "x", "NaN", "__proto__", "a\nb", [], {}, [[]], [null], { a: {} }],
  ...[0, -1, 0.5, 1, 255, 2 ** 31, 2 ** 32, 2 ** 53, -(2 ** 53), 1e9, 1e300, -1e300, 5e-324],
];

/** JSON of another shape: one to three values in it replaced, removed, doubled or put under another name. */
export function mutatedJson(json: unknown, rng: Rng): string {
  const copy = { root: structuredClone(json) };
  for (let n = rng.integer(1, 3); n > 0; n--) {
    const [holder, key] = somewhere(copy as Record<string, unknown>, rng);
    const values = holder as Record<string, unknown>;
    const kind = rng.integer(0, 5);
    if (kind === 0 && holder !== copy) delete values[key];
    else if (kind === 1) values[`${key}x`] = values[key];
    else if (kind === 2) values[key] = [values[key], values[key]];
    else values[key] = pick(rng, valuesOfNote);
  }
  const text = JSON.stringify(copy.root) ?? "";
  // What only text can say.
  const kind = rng.integer(0, 11);
  if (kind === 0) return text.replace(/\d+(?!.*\d)/, "1e999");
  if (kind === 1) return text.replace(/"([a-z]+)":/i, '"$1":0,"$1":');
  if (kind === 2) return text.replace(/[\d.]+/, `${"[".repeat(3000)}${"]".repeat(3000)}`);
  return text;
}

/** A place in JSON; the deeper it is the more often, for there are more. */
function somewhere(root: Record<string, unknown>, rng: Rng): [holder: object, key: string] {
  const places: [object, string][] = [];
  const visit = (holder: object): void => {
    for (const [key, value] of Object.entries(holder)) {
      places.push([holder, key]);
      if (typeof value === "object" && value !== null && places.length < 3000) visit(value);
    }
  };
  visit(root);
  return pick(rng, places);
}
