/** One line per layer over the collections of statistics: bound, zeros, ratio. */
import type * as PlotModule from "@observablehq/plot";
import type { SiteSeries } from "../series.js";
import { greatestOf } from "./extremes.js";
import { across, type Drawing, frame, logarithmic, panels, runs, scientific, swatches } from "./frame.js";

declare const Plot: typeof PlotModule;

type Measure = "bound" | "zeros" | "ratio";
type Axis = (values: readonly number[]) => PlotModule.ScaleOptions;

export const bound = layerFigure("bound", "absolute error bound", (values) =>
  logarithmic(values, scientific),
);
export const zeros = layerFigure("zeros", "% zeros", () => ({ percent: true, domain: [0, 100] }));
export const ratio = layerFigure("ratio", "raw ÷ packed bytes", (values) => logarithmic(values, String));

/** One line per layer and one panel per run, all on one scale. */
function layerFigure(key: Measure, title: string, axis: Axis): Drawing {
  return (box) => {
    const shown = runs.filter(({ sites }) => sites.length > 0);
    const names = [...new Set(shown.flatMap(({ sites }) => sites.map(({ name }) => name)))];
    const hue = (i: number) => 255 - (230 * i) / Math.max(1, names.length - 1);
    const range = names.map((_, i) => `oklch(0.66 0.15 ${hue(i).toFixed(0)})`);
    const values = shown.flatMap(({ sites }) => sites.flatMap((site) => site[key]));
    const y = axis(values.filter((value) => value !== null && value > 0) as number[]);
    const last = greatestOf(shown.flatMap(({ sites }) => sites.flatMap(({ step }) => step)));
    box.append(swatches(names, range));
    panels(box, shown, ({ label, sites }, _, width) =>
      Plot.plot({
        ...frame(`${title} of each layer by step, ${label}`),
        width,
        height: 320,
        marginLeft: 50,
        x: { ...across("step"), domain: [0, Math.max(1, last)] },
        y: { grid: true, label: title, ...y },
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

/** NaN makes a gap in a line. */
const points = (sites: readonly SiteSeries[], key: Measure) =>
  sites.flatMap((site) =>
    site.step.map((step, i) => ({ name: site.name, step, value: site[key][i] ?? Number.NaN })),
  );
