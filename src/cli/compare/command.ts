/**
 * `comet compare`: several stores on one network, the same weights and the same batches, every byte counted by one ledger.
 * Each store has a process of its own. With --equal the knob of each store is turned until it has the gradient noise, the
 * bytes or the accuracy of the first one.
 */
import { join } from "node:path";
import type { Command } from "commander";
import { makeFolder } from "../../files/folder.js";
import { writeComparison } from "../../report/comparison.js";
import { begunAs } from "../state.js";
import { compared } from "./comparison.js";
import { addCompareOptions, type CompareOptions, checkOptions } from "./options.js";
import { comparisonTable } from "./table.js";

export function registerCompare(program: Command): void {
  const command = program
    .command("compare")
    .summary("compare stores: bytes, time, gradient error and accuracy")
    .description(
      "Measures several stores on one network with the same weights and batches, and writes a table and a page. A store is\n" +
        "NAME or NAME:setting=value:…, with the settings that comet train has as options. See docs/rivals.md.",
    );
  addCompareOptions(command)
    .addHelpText("after", "\nExample:\n  comet compare --stores comet,comet-conv,plain --equal noise")
    .action(async (given: CompareOptions, command: Command) => {
      const options = given.from === "" ? given : { ...given, ...begunAs(given.from, command) };
      checkOptions(options);
      const comparison = await compared(options);
      if (options.json) {
        process.stdout.write(`${JSON.stringify(comparison)}\n`);
        return;
      }
      makeFolder(options.out);
      const time = new Date().toISOString().replace(/[-:]|\.\d+Z/g, "");
      const page = join(options.out, `compare-${comparison.model}-${time}.html`);
      writeComparison(comparison, page);
      process.stdout.write(`${comparisonTable(comparison)}\nreport ${page}\n`);
    });
}
