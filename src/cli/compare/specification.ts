/** A store with settings of its own, as `comet compare --stores` takes it: `NAME` or `NAME:setting=value:…`. */
import { UsageError } from "../../error.js";
import { checkSettings, type SettingsTable } from "../../setting.js";
import type { Knob, StoreKind } from "../../stores/kind.js";
import { reads, type StoreName, storeNamed, storeNames } from "../../stores/registry.js";
import { suggestion } from "../../suggest.js";
import { defaults, type Settings, settingsTable } from "../../training/settings.js";

export interface Specification {
  /** As it was typed. */
  readonly text: string;
  /** The store, and the settings that were typed. */
  readonly own: Partial<Settings> & { readonly store: StoreName };
  /** Null if the store has none under these settings. */
  readonly knob: Knob | null;
}

/** `saved-bytes` and `savedBytes` are the same setting. */
const settingNamed = (typed: string): string =>
  typed.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());

/** Throws a UsageError for an unknown store, and for a setting that the store does not read or that has a wrong value. */
export function specificationOf(text: string): Specification {
  const where = `--stores ${text}`;
  const [name, ...parts] = text.split(":") as [string, ...string[]];
  const kind = storeNamed(name);
  if (!kind) {
    throw new UsageError({
      where,
      expected: "the name of a store",
      got: `"${name}"`,
      remedy: suggestion(name, storeNames),
    });
  }
  const own: Record<string, unknown> & { store: StoreName } = { store: name as StoreName };
  for (const part of parts) {
    const [typed, value] = part.split(/=(.*)/s) as [string, string | undefined];
    const setting = settingNamed(typed);
    if (value === undefined || !Object.hasOwn(kind.settings, setting)) {
      const known = Object.keys(kind.settings);
      throw new UsageError({
        where,
        expected: `settings of ${name} as name=value`,
        got: part,
        remedy:
          known.length === 0 ? `leave it out: ${name} has no settings` : `use one of ${known.join(", ")}`,
      });
    }
    own[setting] = kind.settings[setting]!.parse(value);
  }
  try {
    checkSettings(settingsTable as SettingsTable, own);
  } catch (error) {
    throw naming(text, error);
  }
  const settings = { ...defaults, ...own };
  const unread = Object.keys(own).find((setting) => !reads(settings, setting));
  if (unread !== undefined) {
    const readers = Object.entries(kind.settings).flatMap(([choice, { words = [] }]) =>
      words
        .filter((word) => reads({ ...settings, [choice]: word }, unread))
        .map((word) => `${choice}=${word}`),
    );
    throw new UsageError({
      where,
      expected: `${readers.join(" or ")}, with which ${name} reads ${unread}`,
      got: text,
      remedy: `leave ${unread} out, or add ${readers[0]}`,
    });
  }
  return { text, own, knob: knobOf(kind, settings) };
}

const knobOf = (kind: StoreKind, settings: Settings): Knob | null => kind.knob?.({ ...settings }) ?? null;

/** The same store with its knob at `value`. */
export function turnedTo({ text, own, knob }: Specification, value: unknown): Specification {
  if (!knob) return { text, own, knob };
  const [name, ...parts] = text.split(":") as [string, ...string[]];
  const others = parts.filter((part) => settingNamed(part.split("=")[0]!) !== knob.setting);
  return {
    text: [name, ...others, `${knob.setting}=${value}`].join(":"),
    own: { ...own, [knob.setting]: value },
    knob,
  };
}

/** Where the knob stands. */
export const positionOf = ({ own, knob }: Specification): unknown =>
  knob && ({ ...defaults, ...own } as Readonly<Record<string, unknown>>)[knob.setting];

/** An error with the name of the store in front: a site alone does not tell which of several stores it was. */
export function naming(text: string, error: unknown): unknown {
  if (error instanceof Error) error.message = `--stores ${text}: ${error.message}`;
  return error;
}
