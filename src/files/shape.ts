/**
 * What a value that was read from a file must be. A shape looks at a value and names the first place where it is
 * something else, so whoever reads a file checks it once and then relies on its type. Checks go as deep as the shape,
 * however deep the value is.
 */
import { DataError } from "../error.js";

/** Where a value is not as it should be. */
interface Fault {
  /** From the value to the place, e.g. `.sites[3].name`; "" for the value itself. */
  place: string;
  expected: string;
  got: unknown;
}

export interface Shape<T> {
  /** Null if the value is of type T. */
  find(value: unknown): Fault | null;
  /** For the compiler alone. */
  readonly type?: T;
}

/** A shape of one check. */
export const one = <T>(expected: string, is: (value: unknown) => boolean): Shape<T> => ({
  find: (value) => (is(value) ? null : { place: "", expected, got: value }),
});

export const text = one<string>("text", (value) => typeof value === "string");
export const flag = one<boolean>("true or false", (value) => typeof value === "boolean");
export const number = one<number>("a number", Number.isFinite);
export const count = one<number>(
  "a whole number of at least 0",
  (value) => Number.isSafeInteger(value) && (value as number) >= 0,
);
/** Where NaN and infinities may be. */
export const anyNumber = one<number>("a number", (value) => typeof value === "number");
/** JSON writes null for what is NaN or infinite. */
export const measured = one<number>("a number or null", (value) => value === null || Number.isFinite(value));
export const measurements = one<number[]>(
  "a list of numbers",
  (value) => Array.isArray(value) && value.every((part) => part === null || Number.isFinite(part)),
);
export const floats = one<Float32Array>("float32 values", (value) => value instanceof Float32Array);

export const oneOf = <const T extends string | number>(...choices: readonly T[]): Shape<T> =>
  one(`one of ${choices.join(", ")}`, (value) => choices.includes(value as T));

export const nullable = <T>(shape: Shape<T>): Shape<T | null> => ({
  find: (value) => (value === null ? null : shape.find(value)),
});

export const list = <T>(item: Shape<T>): Shape<T[]> => ({
  find(value) {
    if (!Array.isArray(value)) return { place: "", expected: "a list", got: value };
    for (let i = 0; i < value.length; i++) {
      const fault = item.find(value[i]);
      if (fault) return { ...fault, place: `[${i}]${fault.place}` };
    }
    return null;
  },
});

export const pair = <A, B>(first: Shape<A>, second: Shape<B>): Shape<[A, B]> => ({
  find(value) {
    if (!Array.isArray(value) || value.length !== 2) return { place: "", expected: "a pair", got: value };
    const [fault, place] = [first.find(value[0]), "[0]"];
    if (fault) return { ...fault, place: `${place}${fault.place}` };
    const other = second.find(value[1]);
    return other && { ...other, place: `[1]${other.place}` };
  },
});

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Float32Array);

type OptionalKeys<T> = { [K in keyof T]-?: undefined extends T[K] ? K : never }[keyof T];

/** An object with these entries, all of which must be there but the `optional` ones. Others may be there as well. */
export const object = <T extends object>(
  entries: { [K in keyof T]-?: Shape<NonNullable<T[K]> | Extract<T[K], null>> },
  optional: readonly OptionalKeys<T>[] = [],
): Shape<T> => ({
  find(value) {
    if (!isRecord(value)) return { place: "", expected: "an object", got: value };
    for (const [key, shape] of Object.entries(entries) as [string, Shape<unknown>][]) {
      const own = Object.hasOwn(value, key) ? value[key] : undefined;
      if (own === undefined && (optional as readonly string[]).includes(key)) continue;
      const fault = shape.find(own);
      if (fault) return { ...fault, place: `.${key}${fault.place}` };
    }
    return null;
  },
});

/** An object of any keys. */
export const recordOf = <T>(entry: Shape<T>): Shape<Record<string, T>> => ({
  find(value) {
    if (!isRecord(value)) return { place: "", expected: "an object", got: value };
    for (const [key, own] of Object.entries(value)) {
      const fault = entry.find(own);
      if (fault) return { ...fault, place: `.${key}${fault.place}` };
    }
    return null;
  },
});

/** The value, if it has the shape. A DataError that names the file and the place in it, if not. */
export function check<T>(value: unknown, shape: Shape<T>, where: string, remedy: string): T {
  const fault = shape.find(value);
  if (!fault) return value as T;
  const { place, expected, got } = fault;
  const within = place.startsWith(".") ? `: ${place.slice(1)}` : place;
  throw new DataError({
    where: `${where}${within}`,
    expected,
    got: shown(got),
    remedy,
  });
}

/** JSON text as a value; a DataError if it is none, whatever is wrong with it. */
export function parseJson(json: string, where: string, remedy: string): unknown {
  try {
    return JSON.parse(json) as unknown;
  } catch {
    throw new DataError({ where, expected: "JSON", got: "other text", remedy });
  }
}

/** A value in a few words, however large or deep it is. */
export function shown(value: unknown): string {
  if (value === undefined) return "nothing";
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === "object" && value !== null) return "an object";
  const words = typeof value === "string" ? JSON.stringify(value.slice(0, 60)) : String(value);
  return words.length > 60 ? `${words.slice(0, 60)}…` : words;
}
