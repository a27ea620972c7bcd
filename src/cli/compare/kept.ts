/**
 * A comparison on the disk while it is made: what was asked and what was measured so far. It is written after each store,
 * so a comparison that was stopped goes on with the stores that are left.
 */
import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { DataError, UsageError } from "../../error.js";
import { writeAtomically } from "../../files/atomic.js";
import type { Comparison } from "../../runs/comparison.js";
import { defaults } from "../../training/settings.js";
import { flagOf } from "../options.js";
import type { CompareOptions } from "./options.js";

const version = 1;

/** What decides the figures of a comparison. */
export type Asked = Omit<CompareOptions, "json" | "out" | "resume">;

export interface Kept {
  readonly asked: Asked;
  /** The run whose last checkpoint is the state; empty for the network's first weights; null before it is known. */
  begun: string | null;
  readonly comparison: Comparison;
}

/** A comparison of which nothing is measured. */
export function keptOf({ json: _, out: __, resume: ___, ...asked }: CompareOptions): Kept {
  const { model, batch, batches, equal, target } = asked;
  const comparison: Comparison = {
    ...{ model, dataset: "", height: 0, width: 0, batch, state: "", batches, equal },
    target: Number.isNaN(target) ? null : target,
    stores: [],
    failed: [],
  };
  return { asked, begun: null, comparison };
}

/** Throws as `writeAtomically` does. */
export function writeKept(kept: Kept, file: string): void {
  writeAtomically(file, `${JSON.stringify({ version, ...kept })}\n`);
}

/** Throws a DataError if the file is no comparison. */
export function readKept(file: string): Kept {
  const unusable = (got: string) =>
    new DataError({
      where: `--resume ${file}`,
      expected: "a comparison that comet compare wrote",
      got,
      remedy: "name the file compare-….json beside the page",
    });
  let read: Kept & { version: number };
  try {
    read = JSON.parse(readFileSync(file, "utf8"));
  } catch (cause) {
    throw unusable(cause instanceof SyntaxError ? "other contents" : (cause as Error).message);
  }
  if (read?.version !== version) throw unusable("other contents, or another version");
  // JSON has no NaN, which stands for no target.
  // Earlier versions kept no profile, and measured under the default.
  const { profile = defaults.profile, target } = read.asked;
  return { ...read, asked: { ...read.asked, profile, target: target ?? Number.NaN } };
}

/** What may be typed beside --resume; all else is as the comparison began. */
const free: ReadonlySet<string> = new Set(["stores", "out", "json", "resume"]);

/** The comparison of the file, with stores that were typed behind its own. Throws for other options that were typed. */
export function resumed(file: string, command: Command): Kept {
  const kept = readKept(file);
  const typed = Object.keys(command.opts()).filter((name) => command.getOptionValueSource(name) === "cli");
  const refused = typed.find((name) => !free.has(name));
  if (refused !== undefined) {
    throw new UsageError({
      where: flagOf(refused),
      expected: "none with --resume: the comparison goes on as it began",
      got: String(command.opts()[refused]),
      remedy: "leave one of the two out",
    });
  }
  const more = typed.includes("stores") ? String(command.opts().stores).split(",") : [];
  const stores = [...new Set([...kept.asked.stores.split(","), ...more])].join(",");
  return { ...kept, asked: { ...kept.asked, stores } };
}
