/** One line a layer over the collections: bound, zeros, ratio. */
import type * as PlotModule from "@observablehq/plot";
import type { SiteSeries } from "../data.js";
import { type Drawing, frame, panels, runs, swatches } from "./frame.js";

declare const Plot: typeof PlotModule;

export const bound = layerFigure("bound", {
  label: "absolute error bound",
  type: "log",
  tickFormat: "~e",
  ticks: 5,
});
export const zeros = layerFigure("zeros", { label: "% zeros", percent: true, domain: [0, 100] });
export const ratio = layerFigure("ratio", {
  label: "raw ÷ packed bytes",
  type: "log",
  tickFormat: "~r",
  ticks: 5,
});

/** A line a layer, a panel a run. */
function layerFigure(key: "bound" | "zeros" | "ratio", y: PlotModule.ScaleOptions): Drawing {
  return (box) => {
    const shown = runs.filter(({ sites }) => sites.length > 0);
    const names = [...new Set(shown.flatMap(({ sites }) => sites.map(({ name }) => name)))];
    const hue = (i: number) => 255 - (230 * i) / Math.max(1, names.length - 1);
    const range = names.map((_, i) => `oklch(0.66 0.15 ${hue(i).toFixed(0)})`);
    const values = shown.flatMap(({ sites }) => sites.flatMap((site) => site[key])).filter(present);
    const domain =
      y.domain ?? (y.type === "log" ? [Math.min(...values), Math.max(...values)] : [0, Math.max(...values)]);
    box.append(swatches(names, range));
    panels(box, shown, ({ label, sites }, _, width) =>
      Plot.plot({
        ...frame(`${y.label} of each layer by step, ${label}`),
        width,
        height: 320,
        marginLeft: 50,
        x: { label: "step" },
        y: { grid: true, nice: true, ...y, domain },
        color: { domain: names, range },
        marks: [
          Plot.line(points(sites, key), {
            x: "step",
            y: "value",
            z: "name",
            stroke: "name",
            strokeWidth: 1.8,
            ...((sites[0]?.step.length ?? 0) < 10 ? { marker: "dot" as const } : {}),
          }),
          Plot.tip(
            points(sites, key),
            Plot.pointer({
              x: "step",
              y: "value",
              title: ({ name, step, value }) => `${name}\nstep ${step}\n${value.toPrecision(3)}`,
              maxRadius: 30,
            }),
          ),
        ],
      }),
    );
  };
}

const present = (value: number | null): value is number => value !== null;

/** NaN makes a gap in a line. */
const points = (sites: readonly SiteSeries[], key: "bound" | "zeros" | "ratio") =>
  sites.flatMap((site) =>
    site.step.map((step, i) => ({ name: site.name, step, value: site[key][i] ?? Number.NaN })),
  );
