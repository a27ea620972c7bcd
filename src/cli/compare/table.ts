/** A comparison as a table, a row a store, and what must be said of single stores below it. */
import Table from "cli-table3";
import { formatBytes } from "../../device/ledger.js";
import { cellsOf, columns, titleOf } from "../../report/comparison.js";
import type { Comparison } from "../../runs/comparison.js";

export function comparisonTable(comparison: Comparison): string {
  const table = new Table({
    head: columns.map(({ title }) => title),
    style: { head: [], border: [] },
    colAligns: columns.map((_, i) => (i === 0 ? "left" : "right")),
  });
  for (const store of comparison.stores) table.push(cellsOf(store));
  for (const { store } of comparison.failed)
    table.push([store, { content: "not measured: see below", colSpan: columns.length - 1, hAlign: "left" }]);
  const { equal, target } = comparison;
  const goals = {
    nothing: () => "",
    noise: (x: number) => `each store's knob is tuned to the gradient noise ${x.toExponential(2)}`,
    bytes: (x: number) => `each store's knob is tuned to ${formatBytes(x)} saved an image`,
    accuracy: (x: number) =>
      `each store's knob is the loosest of those tried with an accuracy of ${(100 * x).toFixed(2)} %`,
  };
  const notes = comparison.stores.flatMap(({ store, note }) => (note === "" ? [] : [`${store}: ${note}`]));
  const failures = comparison.failed.map(({ store, reason }) => `${store}: ${reason}`);
  const goal = target === null ? "" : goals[equal](target);
  const lines = [titleOf(comparison), table, goal, ...notes, ...failures];
  return lines.filter((line) => line !== "").join("\n");
}
