/**
 * The measured gradient error against the law: histograms with the normal curve, and measured against
 * predicted σ.
 */
import type * as PlotModule from "@observablehq/plot";
import type { Histogram } from "../histogram.js";
import type { RunData } from "../series.js";
import { greatestOf, leastOf } from "./extremes.js";
import {
  across,
  append,
  coloursOf,
  frame,
  heading,
  logarithmic,
  panels,
  runColours,
  runs,
  scientific,
} from "./frame.js";

declare const Plot: typeof PlotModule;

export function pooled(box: HTMLElement): void {
  panels(
    box,
    runs.filter(({ pooled }) => pooled !== null),
    (run, _, width) =>
      bars(run, run.pooled!, {
        width: Math.min(width, 760),
        height: 300,
        top: tallest(run.pooled!),
        words: true,
      }),
  );
}

export function byLayer(box: HTMLElement): void {
  const shown = runs.filter(({ probes }) => probes.length > 0);
  const top = greatestOf(shown.flatMap(({ probes }) => probes.map((probe) => tallest(probe.histogram))));
  for (const run of shown) {
    if (shown.length > 1) box.append(heading(run.label));
    const grid = append(box, "div", "panels small");
    for (const { parameter, histogram } of run.probes) {
      const cell = append(grid, "div");
      cell.append(heading(parameter));
      const about = append(cell, "span", "quiet");
      about.textContent = `n = ${histogram.n.toLocaleString("en")}, deviation ${histogram.deviation.toFixed(3)}`;
      cell.append(bars(run, histogram, { width: cell.clientWidth, height: 130, top }));
    }
  }
}

export function sigma(box: HTMLElement): void {
  const shown = runs.filter(({ probes }) => probes.length > 0);
  const dots = shown.flatMap(({ label, probes }) =>
    probes.flatMap(({ parameter, step, predicted, measured }) =>
      step.map((at, i) => ({ label, parameter, at, predicted: predicted[i]!, measured: measured[i]! })),
    ),
  );
  const valid = dots.filter(({ predicted, measured }) => predicted > 0 && measured > 0);
  const all = valid.flatMap(({ predicted, measured }) => [predicted, measured]);
  const axis = logarithmic(all, scientific);
  const ends = [...axis.domain];
  const width = Math.min(box.clientWidth, 620);
  box.append(
    Plot.plot({
      ...frame("Predicted against measured standard deviation of the weight gradient's error"),
      width,
      height: Math.max(260, width * 0.75),
      marginLeft: 60,
      grid: true,
      x: { ...axis, ...across("predicted σ") },
      y: { ...axis, label: "measured σ" },
      color: coloursOf(shown),
      marks: [
        Plot.areaY(ends, {
          x: ends,
          y1: (d) => d * 0.9,
          y2: (d) => d * 1.1,
          fillOpacity: 0.12,
          clip: true,
        }),
        Plot.line(ends, { x: ends, y: ends, strokeOpacity: 0.6, clip: true }),
        Plot.dot(valid, {
          x: "predicted",
          y: "measured",
          stroke: "label",
          r: 4,
          title: ({ parameter, at, predicted, measured }) =>
            `${parameter}, step ${at}\npredicted ${predicted.toExponential(2)}\nmeasured ${measured.toExponential(2)}\nquotient ${(predicted / measured).toFixed(3)}`,
          tip: true,
        }),
      ],
    }),
  );
}

export function sigmaRatio(box: HTMLElement): void {
  const shown = runs.filter(({ probes }) => probes.some(({ ratio }) => ratio !== null));
  const each = shown.flatMap(({ label, probes }) =>
    probes.flatMap(({ parameter, step, predicted, measured }) =>
      step.map((at, i) => ({ label, parameter, at, ratio: predicted[i]! / measured[i]! })),
    ),
  );
  const means = shown.flatMap(({ label, probes }) =>
    probes.map(({ parameter, ratio }) => ({ label, parameter, ratio })),
  );
  const names = [...new Set(means.map(({ parameter }) => parameter))];
  const valid = each.filter(({ ratio }) => ratio > 0 && Number.isFinite(ratio));
  const ratios = valid.map(({ ratio }) => ratio);
  const ends = [leastOf(ratios, 0.85), greatestOf(ratios, 1.15)];
  const longest = greatestOf(names.map((name) => name.length));
  box.append(
    Plot.plot({
      ...frame("Predicted divided by measured standard deviation, by layer"),
      width: Math.min(box.clientWidth, 760),
      height: 70 + 24 * names.length,
      marginLeft: Math.min(box.clientWidth * 0.45, 16 + 6.6 * longest),
      x: { ...across("predicted ÷ measured σ"), domain: ends, nice: true, grid: true },
      y: { label: null, domain: names },
      color: coloursOf(shown),
      marks: [
        Plot.rectX([0], { x1: 0.9, x2: 1.1, fillOpacity: 0.1, insetTop: -8, insetBottom: -8 }),
        Plot.ruleX([1], { strokeOpacity: 0.6 }),
        Plot.dot(valid, { x: "ratio", y: "parameter", fill: "label", r: 2, fillOpacity: 0.6 }),
        Plot.dot(
          means.filter(({ ratio }) => ratio !== null),
          {
            x: "ratio",
            y: "parameter",
            stroke: "label",
            strokeWidth: 2,
            r: 5,
            title: ({ parameter, ratio }) => `${parameter}: ${ratio.toFixed(3)}`,
            tip: true,
          },
        ),
      ],
    }),
  );
}

const normal = (x: number) => Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);

/** Densities: each count divided by the number of samples and the width of a bin. */
const densities = ({ counts, n, binWidth }: Histogram) => {
  const start = (-counts.length * binWidth) / 2;
  return counts.map((count, i) => ({
    x1: start + i * binWidth,
    x2: start + (i + 1) * binWidth,
    density: n > 0 ? count / (n * binWidth) : 0,
  }));
};

const tallest = (histogram: Histogram) =>
  greatestOf(
    densities(histogram).map(({ density }) => density * 1.05),
    0.45,
  );

interface BarsOptions {
  width: number;
  height: number;
  top: number;
  /** True if sample size and moments are written into the plot. */
  words?: boolean;
}

/** A histogram with the standard normal curve. */
function bars(
  run: RunData,
  histogram: Histogram,
  { width, height, top, words = false }: BarsOptions,
): Element {
  const { n, mean, deviation, outside } = histogram;
  const xs = Array.from({ length: 201 }, (_, i) => -5 + i / 20);
  const about = `n = ${n.toLocaleString("en")}\nmean ${mean.toFixed(3).replace("-", "−")}\ndeviation ${deviation.toFixed(3)}\n${outside.toLocaleString("en")} beyond ±5`;
  return Plot.plot({
    ...frame(`Histogram of standardised gradient error, ${run.label}: ${about.replaceAll("\n", ", ")}`),
    width,
    height,
    ...(words ? {} : { marginLeft: 12, marginRight: 12, marginTop: 6, marginBottom: 22 }),
    x: {
      ...(words ? across("error ÷ predicted σ") : { label: null }),
      domain: [-5, 5],
      ticks: words ? 11 : [-4, -2, 0, 2, 4],
    },
    y: { label: words ? "density" : null, domain: [0, top], ...(words ? { grid: true } : { axis: null }) },
    marks: [
      Plot.rectY(densities(histogram), {
        x1: "x1",
        x2: "x2",
        y: "density",
        fill: runColours.range[runs.indexOf(run)]!,
        fillOpacity: 0.55,
        shapeRendering: "crispEdges",
      }),
      Plot.line(xs, { x: xs, y: xs.map(normal), strokeWidth: 1.6 }),
      Plot.ruleY([0]),
      ...(words ? [Plot.text([about], { frameAnchor: "top-left", dx: 8, dy: 4, lineHeight: 1.4 })] : []),
    ],
  });
}
