/**
 * Which code computes a run: the SHA-256 of all compiled files that can change its numbers, and the commit of the work
 * tree. Two commits that differ in their documentation or their reports alone have one sum.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export interface Code {
  /** The first 16 digits of the sum. */
  code: string;
  /** Null outside a git work tree; `-changed` behind it stands for changes that are not committed. */
  commit: string | null;
}

const root = fileURLToPath(new URL("../../../", import.meta.url));

/** What reads and shows runs, and computes none. */
const readers = /^(cli|report|experiments)\//;

let known: { runs: Code; measurements: Code } | null = null;

/** The code that computes runs. */
export const codeOfThis = (): Code => sums().runs;

/** The code that measures: that of runs and of the command line, but not of experiments and reports. */
export const measuringCode = (): Code => sums().measurements;

function sums(): { runs: Code; measurements: Code } {
  if (!known) {
    const commit = commitOfThis();
    known = {
      runs: { code: sumOfCode(readers), commit },
      measurements: { code: sumOfCode(/^(report|experiments)\//), commit },
    };
  }
  return known;
}

/** `without`: the names of files that are left out. */
function sumOfCode(without: RegExp): string {
  const hash = createHash("sha256");
  const folder = join(root, "dist", "src");
  const compiled = readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => name.replaceAll("\\", "/"))
    .filter((name) => name.endsWith(".js") && !without.test(name))
    .sort();
  for (const name of compiled) hash.update(name).update(readFileSync(join(folder, name)));
  for (const name of ["comet.wasm", "comet.fused.wasm"]) hash.update(readFileSync(join(root, "build", name)));
  return hash.digest("hex").slice(0, 16);
}

function commitOfThis(): string | null {
  const git = (...args: string[]) =>
    execFileSync("git", ["-C", root, ...args], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }).trim();
  try {
    // The package may lie in the work tree of another project.
    if (git("rev-parse", "--show-prefix") !== "") return null;
    const changed = git("status", "--porcelain", "--untracked-files=no") !== "";
    return `${git("rev-parse", "--short=12", "HEAD")}${changed ? "-changed" : ""}`;
  } catch {
    return null;
  }
}
