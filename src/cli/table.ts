/** Tables of results, with one column for each run. */
import Table from "cli-table3";
import { formatBytes } from "../device/ledger.js";
import type { ChainRow } from "../engine/chain-rows.js";
import type { Summary } from "../runs/summary.js";
import type { Result } from "./training.js";

const percent = (share: number | null) => (share === null ? "–" : `${(100 * share).toFixed(2)} %`);
const times = (ratio: number | null) => (ratio === null ? "–" : `${ratio.toFixed(2)}x`);

const rows: readonly [label: string, cell: (result: Result) => string][] = [
  ["test accuracy", ({ summary }) => percent(summary.testAccuracy)],
  ["saved for backward, peak", ({ summary }) => formatBytes(summary.savedPeakBytes)],
  ["conv-input ratio, whole run", ({ summary }) => times(summary.convRatio)],
  ["device memory, peak", ({ summary }) => formatBytes(summary.devicePeakBytes)],
  [
    "spared by frames and masks",
    ({ summary }) => (summary.packingSavedBytes > 0 ? formatBytes(summary.packingSavedBytes) : "–"),
  ],
  [
    "noise ÷ the law's, at most",
    ({ summary: { loosened } }) =>
      loosened === null ? "–" : `${loosened.noiseRatio.toFixed(2)}, above 1 in ${loosened.steps} steps`,
  ],
  ["resident memory, peak (OS)", ({ residentPeakBytes }) => formatBytes(residentPeakBytes)],
  ["seconds in steps", ({ summary }) => summary.stepSeconds.toFixed(1)],
  ["seconds, all", ({ seconds }) => seconds.toFixed(1)],
  ["profile, threads", ({ profile, threads }) => `${profile}, ${threads}`],
];

/** What was moved out of the device and back, and the time that the link's model adds; empty for a run that moved nothing. */
export function movedLine(name: string, { moved }: Pick<Summary, "moved">): string {
  if (moved === null) return "";
  const { sentBytes, hostPeakBytes, stallSeconds, modelledSeconds } = moved;
  const [compute, stalls, all] = [modelledSeconds - stallSeconds, stallSeconds, modelledSeconds].map((s) =>
    s.toFixed(2),
  );
  return (
    `${name}: ${formatBytes(sentBytes)} leave the device in a step and come back, at most ${formatBytes(hostPeakBytes)} wait outside; ` +
    `by the link's model ${compute} s of computing + ${stalls} s of waiting = ${all} s`
  );
}

/** The largest |x − x̂| ÷ bound of all values of all audited frames. */
export function worstError({
  worstErrorRatio,
  auditedFrames,
}: Pick<Summary, "worstErrorRatio" | "auditedFrames">): string {
  return worstErrorRatio === null
    ? ""
    : `worst error ÷ bound ${worstErrorRatio.toFixed(6)}, every value of ${auditedFrames} frames`;
}

export function resultTable(results: readonly Result[], titles: readonly string[]): string {
  const table = new Table({ head: ["", ...titles], style: { head: [], border: [] } });
  for (const [label, cell] of rows) {
    const cells = results.map(cell);
    // A row in which no run has a value tells nothing.
    if (cells.some((text) => text !== "–")) table.push([label, ...cells]);
  }
  return table.toString();
}

/** The σ of each layer's weight gradient error, as predicted and as measured. Empty without probes. */
export function sigmaTable({ sigma }: Pick<Summary, "sigma">): string {
  if (sigma.length === 0) return "";
  const table = new Table({
    head: ["weight", "σ predicted", "σ measured", "predicted ÷ measured", "in single steps"],
    style: { head: [], border: [] },
    colAligns: ["left", "right", "right", "right", "right"],
  });
  for (const { parameter, predicted, measured, least, most } of sigma) {
    const ratio = (predicted / measured).toFixed(3);
    const range = `${least.toFixed(2)} … ${most.toFixed(2)}`;
    table.push([parameter, predicted.toExponential(3), measured.toExponential(3), ratio, range]);
  }
  return table.toString();
}

/**
 * Which tensors of a step were kept, and which are made from others. Of a request, "> 0" says that values below zero are
 * of no use, and a factor is the part of the site's bound that an error here may take.
 */
export function chainTable(rows: readonly ChainRow[]): string {
  const table = new Table({
    head: ["tensor", "form", "bytes", "requested by"],
    style: { head: [], border: [] },
    colAligns: ["left", "left", "right", "left"],
  });
  for (const { name, kind, bytes, made, requests } of rows) {
    const asked = requests.map(({ site, need, positive, share }) =>
      [
        site,
        need === "value" ? "" : `(${need})`,
        positive ? "> 0" : "",
        share < 1 ? `× ${share.toFixed(2)}` : "",
      ]
        .filter((part) => part !== "")
        .join(" "),
    );
    const form = made ? `${made.how} from ${made.sources.join(" and ")}` : kind;
    table.push([name, form, made ? "–" : formatBytes(bytes), asked.join("\n")]);
  }
  return table.toString();
}
