/** The charts of the codec bench. */
import { across, draw } from "../chart.js";
import { short } from "../number.js";
import type { Choice, Measurement } from "./measure.js";

/** Errors of all values, between the walls of the bound. */
export function drawHistogram(
  box: HTMLElement,
  { histogram: { from, width, counts } }: Measurement,
  { bound, negativeBound }: Choice,
): Promise<void> {
  const total = counts.reduce((a, b) => a + b, 0) || 1;
  const bins = counts.map((count, i) => ({
    from: from + i * width,
    to: from + (i + 1) * width,
    share: count / total,
  }));
  const walls = [
    ...new Set([bound, -bound, ...(negativeBound === null ? [] : [negativeBound, -negativeBound])]),
  ];
  const outside = bins
    .filter(({ from, to }) => Math.min(Math.abs(from), Math.abs(to)) > Math.max(bound, negativeBound ?? 0))
    .reduce((sum, { share }) => sum + share, 0);
  const label = `Histogram of errors. The walls are at plus and minus ${short(bound)}; ${short(100 * outside)} percent of the errors are outside.`;
  return draw(box, label, (Plot, chartWidth) => ({
    height: Math.min(300, Math.max(200, chartWidth * 0.4)),
    x: { ...across("error x̂ − x"), domain: [from, -from], ticks: 5 },
    y: { label: "share of values", grid: true, tickFormat: "%" },
    marks: [
      Plot.rectY(bins, {
        x1: "from",
        x2: "to",
        y: "share",
        inset: 0.5,
        fill: ({ from, to }: { from: number; to: number }) =>
          Math.min(Math.abs(from), Math.abs(to)) >= Math.max(bound, negativeBound ?? 0)
            ? "var(--bad)"
            : "var(--run-1)",
      }),
      Plot.ruleX(walls, { stroke: "var(--bad)", strokeWidth: 2, strokeDasharray: "6 4" }),
      Plot.ruleY([0]),
    ],
  }));
}

/** Bits of each part of the frame, for each value of the tensor. On a phone the names stand above the bars. */
export function drawStages(box: HTMLElement, { stages, values }: Measurement): Promise<void> {
  const rows = stages.map(({ stage, bytes }) => ({ stage, bits: (8 * bytes) / values }));
  const label = `Bits a value: ${rows.map(({ stage, bits }) => `${stage} ${short(bits)}`).join(", ")}.`;
  const fill = "currentColor";
  return draw(box, label, (Plot, width) => {
    const narrow = width < 500;
    const names = Plot.text(rows, {
      x: 0,
      y: "stage",
      text: "stage",
      textAnchor: "start",
      dx: 4,
      dy: -14,
      fill,
    });
    return {
      height: 60 + (narrow ? 46 : 34) * rows.length,
      marginLeft: narrow ? 10 : 190,
      marginRight: 50,
      x: { ...across("bits a value"), grid: true },
      y: { label: null, domain: rows.map(({ stage }) => stage), ...(narrow && { axis: null }) },
      marks: [
        Plot.barX(rows, {
          x: "bits",
          y: "stage",
          fill: "var(--run-1)",
          fillOpacity: 0.75,
          insetTop: narrow ? 18 : 0,
        }),
        Plot.text(rows, {
          x: "bits",
          y: "stage",
          text: ({ bits }: { bits: number }) => short(bits),
          textAnchor: "start",
          dx: 5,
          dy: narrow ? 9 : 0,
          fill,
        }),
        ...(narrow ? [names] : []),
        Plot.ruleX([0]),
      ],
    };
  });
}
