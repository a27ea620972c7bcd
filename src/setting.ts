/**
 * Settings: each is declared once, with its type, default, check, help and an example. From these tables come the type
 * `Settings`, the defaults, the checks of the library, the options of the command line and the rows of a report.
 */
import { UsageError } from "./error.js";
import { suggestion } from "./suggest.js";

export interface Setting<T> {
  readonly default: T;
  /** One line for the help of the command line. */
  readonly help: string;
  /** Whether the setting promises a limit. A run that does not read such a setting refuses it in place of ignoring it. */
  readonly promise?: boolean;
  /** How the value is called in the help, for example `n`; null for a flag, which takes none. */
  readonly placeholder: string | null;
  /** Settings that show the use of this one. */
  readonly example: Readonly<Record<string, unknown>>;
  /** What values are accepted, in words. */
  readonly expected: string;
  accepts(value: unknown): boolean;
  /** The known words, for a setting that is one of them. */
  readonly words?: readonly T[];
  /** From the text that a user typed. What it returns is checked by `accepts`. */
  parse(text: string): unknown;
}

export type SettingsTable = Readonly<Record<string, Setting<unknown>>>;

/** The values that a table of settings describes. */
export type SettingsOf<Table> = {
  -readonly [Name in keyof Table]: Table[Name] extends Setting<infer T> ? T : never;
};

type Described<T> = Pick<Setting<T>, "default" | "help" | "example" | "promise">;

const numeric = (text: string): number => (text.trim() === "" ? Number.NaN : Number(text));

/** A number that `accepts` accepts. */
export const real = (
  expected: string,
  accepts: (value: number) => boolean,
  placeholder: string,
  described: Described<number>,
): Setting<number> => ({
  ...described,
  placeholder,
  expected,
  accepts: (value) => typeof value === "number" && accepts(value),
  parse: numeric,
});

/** A whole number of at least `least`. */
export const whole = (least: number, placeholder: string, described: Described<number>): Setting<number> =>
  real(
    `a whole number of at least ${least}`,
    (value) => Number.isInteger(value) && value >= least,
    placeholder,
    described,
  );

/** One of a few words. */
export const word = <Word extends string>(
  words: readonly Word[],
  described: Described<Word>,
): Setting<Word> => ({
  ...described,
  words,
  placeholder: "name",
  expected: `one of ${words.join(", ")}`,
  accepts: (value) => words.some((known) => known === value),
  parse: (text) => text,
});

export const text = (placeholder: string, described: Described<string>): Setting<string> => ({
  ...described,
  placeholder,
  expected: "a text",
  accepts: (value) => typeof value === "string",
  parse: (typed) => typed,
});

export const flag = (described: Described<boolean>): Setting<boolean> => ({
  ...described,
  placeholder: null,
  expected: "true or false",
  accepts: (value) => typeof value === "boolean",
  parse: (typed) => typed === "true",
});

/** The default of every setting of a table. */
export const defaultsOf = <Table extends SettingsTable>(table: Table): SettingsOf<Table> =>
  Object.fromEntries(
    Object.entries(table).map(([name, setting]) => [name, setting.default]),
  ) as SettingsOf<Table>;

/** Throws a UsageError for the first setting whose value its table does not accept, or that no table has. */
export function checkSettings(table: SettingsTable, values: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(values)) {
    const setting = Object.hasOwn(table, name) ? table[name] : undefined;
    if (!setting) {
      throw new UsageError({
        where: `settings.${name}`,
        expected: "the name of a setting",
        got: name,
        remedy: suggestion(name, Object.keys(table)),
      });
    }
    if (setting.accepts(value)) continue;
    throw new UsageError({
      where: `settings.${name}`,
      expected: setting.expected,
      got: String(value),
      remedy: setting.words
        ? suggestion(String(value), setting.words as readonly string[])
        : `give for example ${Object.hasOwn(setting.example, name) ? setting.example[name] : setting.default}`,
    });
  }
}

/** The intersection of a union. */
type Intersection<U> = (U extends unknown ? (u: U) => void : never) extends (i: infer I) => void ? I : never;

/** Several tables as one. Where two tables declare a setting of one name, it must be the same declaration. */
export const mergeTables = <Table extends SettingsTable>(tables: readonly Table[]): Intersection<Table> =>
  Object.assign({}, ...tables) as Intersection<Table>;
