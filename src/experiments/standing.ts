/** Where planned runs stand: what of them is found in folders of runs, finished or not. */
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { DataError, UsageError } from "../error.js";
import { isLocked } from "../files/lock.js";
import type { Code } from "../runs/code.js";
import { type Manifest, readManifest } from "../runs/manifest.js";
import { keyOfManifest, measuresEnough, type PlannedRun } from "./planned-run.js";

/** A run on disk. */
export interface FoundRun {
  path: string;
  manifest: Manifest;
}

export type Standing =
  | { kind: "missing" }
  /** `busy`: another process computes it. `foreign`: other code began it. */
  | ({ kind: "done" | "interrupted" | "failed" | "busy" | "foreign" } & FoundRun);

/**
 * All runs below some folders, by their keys: a folder may hold runs, may be a run, or may hold results with their runs in
 * `runs`. What is no run is left out, and so is a missing folder.
 */
export function findRuns(folders: readonly string[]): Map<string, FoundRun[]> {
  const found = new Map<string, FoundRun[]>();
  for (const folder of folders) {
    const places = [folder, ...[folder, join(folder, "runs")].flatMap(within)];
    for (const path of new Set(places)) {
      try {
        const manifest = readManifest(path);
        const key = keyOfManifest(manifest);
        found.set(key, [...(found.get(key) ?? []), { path, manifest }]);
      } catch (cause) {
        if (!(cause instanceof DataError)) throw cause;
      }
    }
  }
  return found;
}

function within(folder: string): string[] {
  try {
    return readdirSync(folder)
      .sort()
      .map((name) => join(folder, name));
  } catch {
    return [];
  }
}

/** Throws a UsageError for the first folder that does not exist: a mistyped one would be no reason to train again. */
export function checkFolders(folders: readonly string[]): void {
  for (const folder of folders) {
    if (statSync(folder, { throwIfNoEntry: false })?.isDirectory()) continue;
    throw new UsageError({
      where: "--adopt",
      expected: "a folder of runs, of results, or of one run",
      got: `${folder}, which is none`,
      remedy: "correct the path, or leave it out",
    });
  }
}

/** Best first. */
const order: readonly Standing["kind"][] = ["done", "busy", "interrupted", "failed", "foreign"];

/** `anyCode`: runs of other code count too; of equally advanced ones, that of this code counts. */
export function standingOf(
  planned: PlannedRun,
  found: ReadonlyMap<string, readonly FoundRun[]>,
  { code }: Code,
  anyCode: boolean,
): Standing {
  const standings = (found.get(planned.key) ?? [])
    .filter(({ manifest }) => measuresEnough(planned, manifest))
    .map((run) => ({ ...run, kind: kindOf(run, code, anyCode) }));
  const rank = ({ kind, manifest }: (typeof standings)[number]) =>
    2 * order.indexOf(kind) + (codesOf(manifest).some((other) => other !== code) ? 1 : 0);
  const [best] = standings.sort((a, b) => rank(a) - rank(b));
  return best ?? { kind: "missing" };
}

function kindOf({ path, manifest }: FoundRun, code: string, anyCode: boolean): FoundKind {
  if (!anyCode && codesOf(manifest).some((other) => other !== code)) return "foreign";
  if (isLocked(join(path, "lock"))) return "busy";
  if (manifest.status === "done" || manifest.status === "failed") return manifest.status;
  return "interrupted";
}

type FoundKind = Exclude<Standing["kind"], "missing">;

/** The sums of all code that computed a part of a run; "unknown" where the run does not say. */
export const codesOf = (manifest: Manifest): string[] => [
  ...new Set(partsOf(manifest).map(({ code = "unknown" }) => code)),
];

/** The versions of a run's beginning and of each part that was resumed. */
export const partsOf = ({ versions, resumed = [] }: Manifest): Manifest["versions"][] => [
  versions,
  ...resumed.map((part) => part.versions),
];

/** The error for runs that other code began. */
export function foreignRun({ path, manifest }: FoundRun, { code, commit }: Code): DataError {
  const { versions } = manifest;
  const named = (sum: string, at: string | null | undefined) => `${sum}${at ? ` (commit ${at})` : ""}`;
  return new DataError({
    where: path,
    expected: `a run of this code, ${named(code, commit)}`,
    got: `one of ${named(versions.code ?? "unknown code", versions.commit)}`,
    remedy:
      "give another --out, which leaves these runs as they are, or --any-code to count them and to say so on the page",
  });
}
