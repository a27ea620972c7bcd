/**
 * Writes a report: runs side by side in one HTML file that needs neither network nor server. It contains d3
 * and Plot, the data (series.ts) and the drawing script (client.ts); page.ts has its text.
 */
import { UsageError } from "../error.js";
import { writeAtomically } from "../files/atomic.js";
import type { Run } from "../runs/run.js";
import { clientScript } from "./client.js";
import { libraries } from "./libraries.js";
import { page } from "./page.js";
import { pageData } from "./series.js";

/**
 * The whole page as text. The first run names model and data in the title; a plain run is the baseline of the
 * others.
 */
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

/**
 * Writes the page completely or not at all. Throws a UsageError if the file cannot be written, and a DiskError if the
 * disk is full.
 */
export function writeReport(runs: readonly Run[], file: string): void {
  writeAtomically(file, reportHtml(runs));
}
