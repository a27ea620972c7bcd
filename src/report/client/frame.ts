/** What every figure uses: the page's data, its colours, and the frame of a plot. */
import type * as PlotModule from "@observablehq/plot";
import type { PageData, RunData } from "../data.js";

declare const Plot: typeof PlotModule;

/** Draws one figure into its box, which is empty. */
export type Drawing = (box: HTMLElement) => void;

export const { runs } = JSON.parse(document.getElementById("data")!.textContent!) as PageData;
export const labels = runs.map(({ label }) => label);
export const runColours = {
  domain: labels,
  range: labels.map((_, i) => `var(--run-${(i % 6) + 1})`),
};

export const frame = (ariaLabel: string) => ({ ariaLabel, className: "chart" });

/** A grid with a headed plot for each run. */
export function panels(
  box: HTMLElement,
  shown: readonly RunData[],
  draw: (run: RunData, index: number, width: number) => Element,
): void {
  const grid = append(box, "div", "panels");
  const cells = shown.map(() => append(grid, "div"));
  shown.forEach((run, i) => {
    const cell = cells[i]!;
    cell.append(heading(run.label), draw(run, i, Math.min(cell.clientWidth, 760)));
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

/** The unit in which the largest value reads best. */
export function byteUnit(largest: number): { name: string; bytes: number } {
  if (largest >= 2 ** 30) return { name: "GiB", bytes: 2 ** 30 };
  return largest >= 2 ** 20 ? { name: "MiB", bytes: 2 ** 20 } : { name: "KiB", bytes: 2 ** 10 };
}
