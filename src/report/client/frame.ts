/** Shared by all figures: what they show, its colours, and the frame of a plot. */
import type * as PlotModule from "@observablehq/plot";
import type { PageData, RunData } from "../series.js";
import { greatestOf, leastOf } from "./extremes.js";

declare const Plot: typeof PlotModule;

/** Draws one figure into its empty box. */
export type Drawing = (box: HTMLElement) => void;

/** What the figures show: what `show` was given last. */
export let runs: readonly RunData[] = [];
export let comparison: PageData["comparison"];

export const runColours: { domain: string[]; range: string[] } = { domain: [], range: [] };

/** From now on the figures show `data`. */
export function show(data: PageData): void {
  ({ runs, comparison } = data);
  runColours.domain = runs.map(({ label }) => label);
  runColours.range = runs.map((_, i) => `var(--run-${(i % 6) + 1})`);
}

/** Options of all plots, with room for a label below the ticks. */
export const frame = (ariaLabel: string) => ({ ariaLabel, className: "chart", marginBottom: 42 });

/** A horizontal axis whose label is placed where it cannot overlap a tick. */
export const across = (label: string) => ({ label, labelAnchor: "center", labelOffset: 38 }) as const;

/** A logarithmic axis around some positive values, with as many of the ticks n × 10ᵐ as are legible. */
export function logarithmic(values: readonly number[], tickFormat: (value: number) => string) {
  const [low, high] = [leastOf(values) / 1.15, greatestOf(values) * 1.15];
  const first = Math.floor(Math.log10(low));
  const decades = Array.from(
    { length: Math.ceil(Math.log10(high)) - first + 1 },
    (_, i) => 10 ** (first + i),
  );
  const steps = high / low > 300 ? [1] : high / low > 8 ? [1, 2, 5] : [1, 2, 3, 4, 5, 6, 7, 8, 9];
  const ticks = decades.flatMap((decade) => steps.map((n) => n * decade));
  return {
    type: "log",
    domain: [low, high],
    ticks: ticks.filter((tick) => tick >= low && tick <= high),
    tickFormat,
  } as const;
}

export const scientific = (value: number): string => value.toExponential(0);

/** The colour scale for the runs that a figure shows. */
export const coloursOf = (shown: readonly RunData[]) => ({
  domain: shown.map(({ label }) => label),
  range: shown.map((run) => runColours.range[runs.indexOf(run)]!),
  legend: shown.length > 1,
});

/** A grid with one plot and its heading per run. */
export function panels(
  box: HTMLElement,
  shown: readonly RunData[],
  draw: (run: RunData, index: number, width: number) => Element,
  title = ({ label }: RunData) => label,
): void {
  const grid = append(box, "div", "panels");
  const cells = shown.map(() => append(grid, "div"));
  shown.forEach((run, i) => {
    const cell = cells[i]!;
    cell.append(heading(title(run)), draw(run, i, cell.clientWidth));
  });
}

export const swatches = (domain: string[], range: string[]): Element =>
  Plot.legend({ color: { type: "ordinal", domain, range }, className: "chart" });

export function heading(text: string): HTMLElement {
  const h4 = document.createElement("h4");
  h4.textContent = text;
  return h4;
}

export function append(parent: Element, tag: string, className = ""): HTMLElement {
  const element = document.createElement(tag);
  if (className) element.className = className;
  parent.append(element);
  return element;
}

/** The unit that suits the largest value. */
export function byteUnit(largest: number): { name: string; bytes: number } {
  if (largest >= 2 ** 30) return { name: "GiB", bytes: 2 ** 30 };
  return largest >= 2 ** 20 ? { name: "MiB", bytes: 2 ** 20 } : { name: "KiB", bytes: 2 ** 10 };
}
