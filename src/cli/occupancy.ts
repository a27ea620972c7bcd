/** Tables of what lives on the device: at the peak of a step, and over it. */
import Table from "cli-table3";
import { categories, formatBytes } from "../device/ledger.js";
import type { OccupancyRecord } from "../device/occupancy.js";

/** The number of moments that are shown of a step. */
const rows = 16;

const plain = { style: { head: [], border: [] } };

export function peakTable({ peak }: OccupancyRecord): string {
  const table = new Table({
    ...plain,
    head: ["site", "category", "blocks", "bytes", "of the peak", "so far"],
    colAligns: ["left", "left", "right", "right", "right", "right"],
  });
  let sum = 0;
  for (const { site, category, blocks, bytes } of peak.holders) {
    sum += bytes;
    const share = (part: number) => `${((100 * part) / peak.bytes).toFixed(1)} %`;
    table.push([site, category, String(blocks), formatBytes(bytes), share(bytes), share(sum)]);
  }
  return `At the peak, ${formatBytes(peak.bytes)}, in ${peak.op || "the first op"}:\n${table}`;
}

/** Some moments of the step, the peak among them. */
export function courseTable({ ops, series, peak }: OccupancyRecord): string {
  const table = new Table({
    ...plain,
    head: ["op", "all", ...categories],
    colAligns: ["left", "right", ...categories.map(() => "right" as const)],
  });
  const stride = Math.max(1, ops.length / rows);
  ops.forEach((op, i) => {
    const shown = Math.floor(i / stride) !== Math.floor((i - 1) / stride);
    if (!shown && i !== peak.moment) return;
    const of = (category: string) =>
      series.reduce((sum, row) => sum + (row.category === category ? row.bytes[i]! : 0), 0);
    const cells = categories.map(of);
    const all = cells.reduce((a, b) => a + b, 0);
    table.push([
      i === peak.moment ? `${op} (peak)` : op,
      formatBytes(all),
      ...cells.map((bytes) => (bytes > 0 ? formatBytes(bytes) : "–")),
    ]);
  });
  return `Over the step:\n${table}`;
}
