/** The stores by name. A new store is a file of this folder and a line here. */
import { mergeTables, type SettingsOf, type SettingsTable } from "../setting.js";
import { acgc } from "./acgc.js";
import { actnn } from "./actnn.js";
import { blpa } from "./blpa.js";
import { comet, cometConv } from "./comet.js";
import { division } from "./division.js";
import { gact } from "./gact.js";
import { gist } from "./gist.js";
import { jpegAct, jpegBase } from "./jpeg.js";
import type { StoreKind } from "./kind.js";
import { offload } from "./offload.js";
import { plain } from "./plain.js";
import { recompute } from "./recompute.js";

export const stores = [
  plain, //
  recompute,
  cometConv,
  comet,
  actnn,
  blpa,
  division,
  gact,
  acgc,
  gist,
  jpegAct,
  jpegBase,
  offload,
] as const;

export type StoreName = (typeof stores)[number]["name"];

/** The settings of all stores. Two stores may share a setting; then both have the same declaration. */
export const storeSettings = mergeTables(stores.map(({ settings }) => settings));

export type StoreSettings = SettingsOf<typeof storeSettings>;

export const storeNames: readonly StoreName[] = stores.map(({ name }) => name);

/** A known store. */
export const storeNamed = (name: string): StoreKind | null =>
  (stores.find((kind) => kind.name === name) as StoreKind | undefined) ?? null;

/** Whether a run reads a setting: all runs read those that belong to no store. */
export function reads(settings: Readonly<Record<string, unknown>>, name: string): boolean {
  if (!Object.hasOwn(storeSettings as SettingsTable, name)) return true;
  const kind = storeNamed(String(settings.store));
  if (!kind || !Object.hasOwn(kind.settings, name)) return false;
  return kind.reads?.(name, settings as SettingsOf<SettingsTable>) ?? true;
}
