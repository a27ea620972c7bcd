/**
 * Shapes describe the values that a file must hold. A shape checks a value and names the first place where the value is
 * wrong, so a reader checks a file once and then relies on its type. A check goes only as deep as its shape, however
 * deep the value is.
 */
import { DataError } from "../error.js";

/** The first place where a value is wrong. */
interface Fault {
  /** The path from the value to the place, e.g. `.sites[3].name`; "" for the value itself. */
  place: string;
  expected: string;
  got: unknown;
}

export interface Shape<T> {
  /** Returns null if the value is of type T. */
  find(value: unknown): Fault | null;
  /** Used only by the compiler. */
  readonly type?: T;
}

/** A shape with a single check. */
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
/** Includes NaN and infinities. */
export const anyNumber = one<number>("a number", (value) => typeof value === "number");
/** JSON writes null for NaN and infinities. */
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

/** An object with these entries. All but the `optional` ones are required; other entries are allowed. */
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

/** The same without other entries: a mistyped name in a file that users write is an error. */
export const exact = <T extends object>(
  entries: Parameters<typeof object<T>>[0],
  optional: readonly OptionalKeys<T>[] = [],
): Shape<T> => {
  const known = Object.keys(entries);
  return {
    find(value) {
      const other = isRecord(value) ? Object.keys(value).find((key) => !known.includes(key)) : undefined;
      if (other === undefined) return object(entries, optional).find(value);
      return { place: `.${other}`, expected: `one of ${known.join(", ")}`, got: other };
    },
  };
};

/** An object with any keys. */
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

/** Returns the value if it has the shape. Else throws a DataError that names the file and the place in it. */
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

/** Parses JSON. Throws a DataError if the text is not JSON. */
export function parseJson(json: string, where: string, remedy: string): unknown {
  try {
    return JSON.parse(json) as unknown;
  } catch {
    throw new DataError({ where, expected: "JSON", got: "other text", remedy });
  }
}

/** Describes a value in a few words, however large or deep it is. */
export function shown(value: unknown): string {
  if (value === undefined) return "nothing";
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === "object" && value !== null) return "an object";
  const words = typeof value === "string" ? JSON.stringify(value.slice(0, 60)) : String(value);
  return words.length > 60 ? `${words.slice(0, 60)}…` : words;
}
