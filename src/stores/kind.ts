/** What makes a store available by name: to sessions, to the command line and to reports. */
import type { Policy } from "../comet/policy.js";
import type { Store } from "../engine/store.js";
import type { Engine } from "../engine/tape.js";
import type { SettingsOf, SettingsTable } from "../setting.js";

/**
 * The setting by which a store gives up gradient noise for bytes, or the reverse: what `comet compare` turns. Either any
 * number from `least` to `most`, of which the noise rises or falls, or one of a few values in the order of rising noise.
 */
export type Knob<Name extends string = string> =
  | {
      readonly setting: Name;
      /** How the gradient noise moves when the setting grows. */
      readonly direction: "rises" | "falls";
      readonly least: number;
      readonly most: number;
    }
  | { readonly setting: Name; readonly values: readonly unknown[] };

export interface StoreKind<Table extends SettingsTable = SettingsTable> {
  readonly name: string;
  /** One line for the help. */
  readonly help: string;
  /** What makes saved tensors smaller than under this store, as the end of a remedy; absent: the store `comet`. */
  readonly lighter?: string;
  /** The settings that it reads beside those of every run. */
  readonly settings: Table;
  /** A short name of a run under this store, for legends. */
  label(settings: SettingsOf<Table>): string;
  /** The part of a run's folder name that stands for the store, if that is more than its name. */
  slug?(settings: SettingsOf<Table>): string;
  /** Whether it reads a setting of its table under these settings; if absent, it reads them all. */
  reads?(name: string, settings: SettingsOf<Table>): boolean;
  /** Its knob under these settings; null, or absent, if it has none. */
  knob?(settings: SettingsOf<Table>): Knob<Extract<keyof Table, string>> | null;
  create(engine: Engine, settings: SettingsOf<Table>): Store;
  /** The same under a policy of the caller's own; absent if the store has no use for one. */
  withPolicy?(engine: Engine, settings: SettingsOf<Table>, policy: Policy): Store;
}

/** Declares a kind; its type keeps the names and types of its settings. */
export const storeKind = <const Name extends string, Table extends SettingsTable>(
  kind: StoreKind<Table> & { readonly name: Name },
): StoreKind<Table> & { readonly name: Name } => kind;
