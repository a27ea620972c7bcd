/**
 * Figures drawn without a browser: Plot draws into a document of linkedom. Colours are the page's custom properties, so one
 * drawing serves light and dark pages; files.ts puts the colours of a theme in their place.
 */
import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";
import type { BandFigure, Figure, LayerFigure, ParetoFigure, StackFigure } from "../../experiments/figure.js";
import { greatestOf } from "../client/extremes.js";
import { escapeHtml } from "../escape.js";

const width = 760;
const font = "DejaVu Sans, system-ui, sans-serif";

/**
 * The figure as an SVG element, with a legend above the plot. A series named in `order` has the colour of its place there, so
 * that it has the same one in all figures of a page.
 */
export function drawFigure(figure: Figure, order: readonly string[] = []): string {
  return withLegend(figure, drawnBy(figure, order));
}

interface Series {
  label: string;
  colour: string;
  symbol: "circle" | "triangle";
}

interface Drawn {
  svg: string;
  height: number;
  legend: readonly Series[];
}

function drawnBy(figure: Figure, order: readonly string[]): Drawn {
  switch (figure.kind) {
    case "bands":
      return bands(figure, order);
    case "layers":
      return layers(figure, order);
    case "pareto":
      return pareto(figure, order);
    case "stack":
      return stack(figure);
  }
}

/** There are so many colours that all eyes can tell apart; after these, the shape differs. */
const colours = 6;

function seriesOf(labels: readonly string[], order: readonly string[]): Series[] {
  const ordered = labels.every((label) => order.includes(label));
  return [...new Set(labels)].map((label, i) => {
    const place = ordered ? order.indexOf(label) : i;
    const colour = `var(--run-${(place % colours) + 1})`;
    return { label, colour, symbol: place < colours ? "circle" : "triangle" };
  });
}

const coloured = (series: readonly Series[]) => ({
  domain: series.map(({ label }) => label),
  range: series.map(({ colour }) => colour),
});

/** Plot's options of all figures. Only what an SVG viewer without a page needs is set here. */
const frame = (height: number) => ({
  document: parseHTML("<!doctype html><html><body></body></html>").document as unknown as Document,
  width,
  height,
  marginBottom: 42,
  style: { fontFamily: font, fontSize: "12px", color: "var(--ink)", background: "var(--paper)" },
});

const across = (label: string) => ({ label, labelAnchor: "center", labelOffset: 38 }) as const;

const textOf = (plot: (SVGSVGElement | HTMLElement) & Plot.Plot, height: number) => ({
  svg: plot.outerHTML,
  height,
});

function bands({ x, y, bands }: BandFigure, order: readonly string[]): Drawn {
  const legend = seriesOf(
    bands.map(({ label }) => label),
    order,
  );
  const again = new Set(legend.filter(({ symbol }) => symbol === "triangle").map(({ label }) => label));
  const points = bands.flatMap(({ label, points }) => points.map((point) => ({ ...point, label })));
  const height = 380;
  const plot = Plot.plot({
    ...frame(height),
    marginLeft: 60,
    grid: true,
    x: across(x),
    y: { label: y, nice: true },
    color: coloured(legend),
    marks: [
      Plot.areaY(points, { x: "x", y1: "low", y2: "high", z: "label", fill: "label", fillOpacity: 0.2 }),
      // Behind the last colour, the same ones come again as dashed lines.
      ...[false, true].map((dashed) =>
        Plot.line(
          points.filter(({ label }) => dashed === again.has(label)),
          { x: "x", y: "mean", z: "label", stroke: "label", ...(dashed ? { strokeDasharray: "5,3" } : {}) },
        ),
      ),
    ],
  });
  return { ...textOf(plot, height), legend };
}

/** A legible number on a logarithmic axis. */
const decimal = (value: number): string =>
  value >= 1e-3 && value < 1e5 ? String(Number(value.toPrecision(3))) : value.toExponential(0);

/** Powers of ten, or more ticks where there are few of these. */
const logarithmic = (values: readonly number[]) => {
  const positive = values.filter((value) => value > 0);
  const high = greatestOf(positive, Number.MIN_VALUE);
  const low = positive.reduce((least, value) => Math.min(least, value), high);
  return {
    type: "log",
    domain: [low / 1.2, high * 1.2],
    ticks: high / low > 100 ? 5 : 8,
    tickFormat: decimal,
  } as const;
};

function layers({ x, dots }: LayerFigure, order: readonly string[]): Drawn {
  const names = [...new Set(dots.map(({ layer }) => layer))];
  const legend = seriesOf(
    dots.map(({ series }) => series),
    order,
  );
  const height = 70 + 16 * names.length;
  const longest = greatestOf(names.map((name) => name.length));
  const plot = Plot.plot({
    ...frame(height),
    marginLeft: Math.min(width / 2, 20 + 7.2 * longest),
    grid: true,
    x: { ...logarithmic(dots.map(({ value }) => value)), ...across(x) },
    y: { label: null, domain: names },
    color: coloured(legend),
    marks: [Plot.dot(dots, { x: "value", y: "layer", stroke: "series", r: 4 })],
  });
  return { ...textOf(plot, height), legend };
}

function pareto({ x, y, logX, logY, points }: ParetoFigure, order: readonly string[]): Drawn {
  const legend = seriesOf(
    points.map(({ series }) => series),
    order,
  );
  const height = 420;
  const axis = (log: boolean, values: readonly number[]) =>
    log ? logarithmic(values) : { nice: true, inset: 8 };
  const plot = Plot.plot({
    ...frame(height),
    marginLeft: 70,
    grid: true,
    x: {
      ...axis(
        logX,
        points.map((point) => point.x),
      ),
      ...across(x),
    },
    y: {
      ...axis(
        logY,
        points.map((point) => point.y),
      ),
      label: y,
    },
    color: coloured(legend),
    symbol: { domain: coloured(legend).domain, range: legend.map(({ symbol }) => symbol) },
    marks: [
      Plot.ruleX(
        points.filter(({ low, high }) => low !== undefined && high !== undefined && high > low),
        { x: "x", y1: "low", y2: "high", stroke: "series" },
      ),
      Plot.line(points, { x: "x", y: "y", z: "series", stroke: "series" }),
      Plot.dot(points, { x: "x", y: "y", fill: "series", symbol: "series", r: 4 }),
    ],
  });
  return { ...textOf(plot, height), legend };
}

const mebibyte = 2 ** 20;

function stack({ bars }: StackFigure): Drawn {
  const labels = [...new Set(bars.map(({ label }) => label))];
  const categories = [...new Set(bars.map(({ category }) => category))];
  const height = 80 + 44 * labels.length;
  const longest = greatestOf(labels.map((label) => label.length));
  const legend = categories.map((label): Series => ({ label, colour: `var(--${label})`, symbol: "circle" }));
  const plot = Plot.plot({
    ...frame(height),
    marginLeft: Math.min(width / 2, 20 + 7.2 * longest),
    x: { ...across("MiB"), grid: true },
    y: { label: null, domain: labels },
    color: { domain: categories, range: legend.map(({ colour }) => colour) },
    marks: [
      Plot.barX(bars, {
        x: ({ bytes }: { bytes: number }) => bytes / mebibyte,
        y: "label",
        fill: "category",
        order: categories,
      }),
      Plot.ruleX([0]),
    ],
  });
  return { ...textOf(plot, height), legend };
}

/** One SVG of the plot with its title and legend above it. */
function withLegend({ title }: Figure, { svg, height, legend }: Drawn): string {
  const rows: string[] = [];
  let [left, top] = [10, 40];
  for (const { label, colour, symbol } of legend) {
    const wide = 30 + 7.4 * label.length;
    if (left + wide > width && left > 10) [left, top] = [10, top + 20];
    rows.push(
      `<path d="M${left} ${top + 1}${symbol === "circle" ? "h11v-11h-11z" : "l5.5 -11l5.5 11z"}" fill="${colour}"/><text x="${left + 17}" y="${top}">${escapeHtml(label)}</text>`,
    );
    left += wide;
  }
  const above = top + 14;
  const whole = height + above;
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${whole}" width="${width}" height="${whole}" role="img" aria-label="${escapeHtml(title)}" ` +
    `font-family="${font}" font-size="12" fill="var(--ink)" class="chart"><rect width="${width}" height="${whole}" fill="var(--paper)"/>` +
    `<text x="10" y="18" font-size="14" font-weight="bold">${escapeHtml(title)}</text>${rows.join("")}` +
    `<svg y="${above}" width="${width}" height="${height}">${svg}</svg></svg>`
  );
}
