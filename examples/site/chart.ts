/**
 * Plot's charts under this site's policy. Plot puts a <style> element into each chart, which the policy forbids; it is
 * taken out before the chart becomes a part of the page, and style.css has the same rules for `.chart`.
 */
import type { PlotOptions } from "@observablehq/plot";
import type * as PlotModule from "./plot.js";

let loaded: Promise<typeof PlotModule> | null = null;

/** Plot, which is loaded when the first chart is drawn. */
export function plots(): Promise<typeof PlotModule> {
  loaded ??= import("./plot.js");
  return loaded;
}

/** Replaces what is in a box by a chart of the box's width. `label` says in words what the chart shows. */
export async function draw(
  box: HTMLElement,
  label: string,
  options: (Plot: typeof PlotModule, width: number) => PlotOptions,
): Promise<void> {
  const Plot = await plots();
  const width = Math.max(260, box.clientWidth);
  const chart = Plot.plot({
    className: "chart",
    ariaLabel: label,
    marginBottom: 42,
    width,
    ...options(Plot, width),
  });
  for (const style of chart.querySelectorAll("style")) style.remove();
  // A picture is read out by its one label.
  for (const part of chart.querySelectorAll("[aria-label]")) part.removeAttribute("aria-label");
  chart.setAttribute("role", "img");
  box.replaceChildren(chart);
}

/** A horizontal axis whose label cannot overlap a tick. */
export const across = (label: string) => ({ label, labelAnchor: "center", labelOffset: 38 }) as const;
