/**
 * `comet compare`: several stores on one network, the same weights and the same batches, every byte counted by one ledger.
 * Each store has a process of its own. With --equal the knob of each store is turned until it has the gradient noise, the
 * bytes or the accuracy of the first one.
 */
import { join } from "node:path";
import type { Command } from "commander";
import { UsageError } from "../../error.js";
import { makeFolder } from "../../files/folder.js";
import { writeComparison } from "../../report/comparison.js";
import type { Comparison } from "../../runs/comparison.js";
import { begunAs } from "../state.js";
import { compare } from "./comparison.js";
import { type Kept, keptOf, resumed, writeKept } from "./kept.js";
import { addCompareOptions, type CompareOptions, checkOptions } from "./options.js";
import { comparisonTable } from "./table.js";

export function registerCompare(program: Command): void {
  const command = program
    .command("compare")
    .summary("compare stores: bytes, time, gradient error and accuracy")
    .description(
      "Measures several stores on one network with the same weights and batches, and writes a table and a page. A store is\n" +
        "NAME or NAME:setting=value:…, with the settings that comet train has as options. A store that fails does not end\n" +
        "the others. What is measured is kept after each store, and --resume goes on with it. See docs/rivals.md.",
    );
  addCompareOptions(command)
    .addHelpText("after", "\nExample:\n  comet compare --stores comet,comet-conv,plain --equal noise")
    .action(async (given: CompareOptions, command: Command) => {
      const kept = given.resume === "" ? begunNow(given, command) : resumed(given.resume, command);
      const { comparison, asked } = kept;
      const { out, json } = given;
      // One store whose result is printed as JSON is measured here: such is a process for one store.
      const apart = !json || asked.stores.includes(",");
      const file = json ? null : fileOf(given, comparison);
      const onStore = () => {
        if (file === null) return;
        writeKept(kept, file);
        if (comparison.stores.length > 0) writeComparison(comparison, pageOf(file));
      };
      await compare(kept, { out, apart, onStore });
      if (file === null) process.stdout.write(`${JSON.stringify(comparison)}\n`);
      else process.stdout.write(`${comparisonTable(comparison)}\nreport ${pageOf(file)}\nkept   ${file}\n`);
      if (comparison.stores.some(({ unreached }) => unreached === null)) return;
      const [only] = comparison.stores;
      if (!apart && only?.unreached) throw new UsageError(only.unreached);
      // The processes have printed why they failed.
      process.exitCode = 1;
    });
}

function begunNow(given: CompareOptions, command: Command): Kept {
  const options = given.from === "" ? given : { ...given, ...begunAs(given.from, command) };
  checkOptions(options);
  return keptOf(options);
}

/** The file that keeps what is measured; the page is beside it. */
function fileOf({ resume, out }: CompareOptions, { model }: Comparison): string {
  if (resume !== "") return resume;
  makeFolder(out);
  const time = new Date().toISOString().replace(/[-:]|\.\d+Z/g, "");
  return join(out, `compare-${model}-${time}.json`);
}

const pageOf = (file: string): string => `${file.replace(/\.json$/, "")}.html`;
