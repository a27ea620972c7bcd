/** Channels of saved tensors before and after compression, and their error, as heat maps. */
import type * as PlotModule from "@observablehq/plot";
import type { SamplePlane } from "../series.js";
import { greatestOf, leastOf } from "./extremes.js";
import { append, frame, heading, runs } from "./frame.js";

declare const Plot: typeof PlotModule;

export function samples(box: HTMLElement): void {
  const shown = runs.filter((run) => run.samples.length > 0);
  for (const { label, samples } of shown) {
    if (shown.length > 1) box.append(heading(label));
    append(box, "div", "legend").append(
      Plot.legend({ color: errorScale, label: "error, in units of the bound", width: 280, marginLeft: 14 }),
    );
    const grid = append(box, "div", "panels");
    for (const plane of samples) grid.append(sampleRow(plane));
  }
}

const errorScale = { type: "diverging", scheme: "RdBu", domain: [-1, 1], reverse: true } as const;

/** One channel as three maps. The first two share a colour scale. */
function sampleRow({ site, step, bound, height, width, original, error }: SamplePlane): HTMLElement {
  const decoded = original.map((x, i) => x + error[i]! * bound);
  const value = {
    type: "linear",
    scheme: "viridis",
    domain: [leastOf(decoded, leastOf(original)), greatestOf(decoded, greatestOf(original))],
  } as const;
  const block = document.createElement("div");
  block.append(heading(`${site}, step ${step}, bound ${bound.toPrecision(3)}`));
  const maps = append(block, "div", "maps");
  for (const [name, values, color] of [
    ["original", original, value],
    ["reconstructed", decoded, value],
    ["error ÷ bound", error, errorScale],
  ] as const) {
    const cell = append(maps, "div");
    append(cell, "span").textContent = name;
    cell.append(
      Plot.plot({
        ...frame(`${site}: ${name}, ${height} × ${width} values`),
        width: 208,
        height: (208 * height) / width,
        margin: 0,
        marginBottom: 0,
        axis: null,
        y: { reverse: true },
        color: { ...color },
        marks: [Plot.raster(values, { width, height, imageRendering: "pixelated" })],
      }),
    );
  }
  const largest = error.reduce((most, e) => Math.max(most, Math.abs(e)), 0);
  const [least, greatest] = value.domain;
  append(block, "span", "quiet").textContent =
    `values ${least.toPrecision(3).replace("-", "−")} (dark) to ${greatest.toPrecision(3)} (bright); largest error ${largest.toFixed(3)} × bound`;
  return block;
}
