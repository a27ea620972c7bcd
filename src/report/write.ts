/**
 * A report: runs side by side in one HTML file that needs neither network nor server. d3 and Plot, the data (data.ts)
 * and the script that draws (client.ts) are all written into it; page.ts has its words.
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { UsageError } from "../error.js";
import { writeAtomically } from "../files/atomic.js";
import type { Run } from "../runs/run.js";
import { clientScript } from "./client.js";
import { page, type Script } from "./page.js";
import { pageData } from "./series.js";

/** The whole page as text. The first run names model and data in its title; a plain run is the others' baseline. */
export function reportHtml(runs: readonly Run[]): string {
  if (runs.length === 0) {
    throw new UsageError({
      where: "report",
      expected: "at least one run",
      got: "none",
      remedy: "name a folder that comet train wrote, such as runs/ID",
    });
  }
  return page(runs, pageData(runs), libraries(), clientScript());
}

/** Writes the page whole or not at all. A place that cannot be written is a UsageError, a full disk a DiskError. */
export function writeReport(runs: readonly Run[], file: string): void {
  writeAtomically(file, reportHtml(runs));
}

/** Both packages' builds for script tags: Plot's looks for the global `d3` that the first one makes. */
function libraries(): Script[] {
  const { resolve } = createRequire(import.meta.url);
  const scripts = [
    ["d3", "d3.min.js"],
    ["@observablehq/plot", "plot.umd.min.js"],
  ] as const;
  return scripts.map(([name, file]) => {
    // The packages' entry points lie beside `dist`.
    const folder = dirname(dirname(resolve(name)));
    const licence = readFileSync(join(folder, "LICENSE"), "utf8");
    return { licence, code: readFileSync(join(folder, "dist", file), "utf8") };
  });
}
