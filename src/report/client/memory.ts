/** The device's live memory during one step by category, as stacked areas. */
import type * as PlotModule from "@observablehq/plot";
import type { RunData } from "../series.js";
import { greatestOf } from "./extremes.js";
import { across, byteUnit, frame, panels, runs, swatches } from "./frame.js";

declare const Plot: typeof PlotModule;

/**
 * Long-lived categories are at the bottom and short-lived ones at the top, so that the edges move as little
 * as possible.
 */
export const categories = [
  "parameters",
  "optimiser",
  "gradients",
  "saved",
  "activations",
  "workspace",
] as const;

export function memory(box: HTMLElement): void {
  const shown = runs.filter(({ memory }) => memory !== null);
  const totals = shown.map(({ memory }) => {
    const { timeline } = memory!;
    return timeline.saved.map((_, i) =>
      categories.reduce((sum, category) => sum + timeline[category][i]!, 0),
    );
  });
  const highest = greatestOf(totals.map((total) => greatestOf(total)));
  const unit = byteUnit(highest);
  box.append(
    swatches(
      [...categories],
      categories.map((category) => `var(--${category})`),
    ),
  );
  const title = ({ label, memory }: RunData) =>
    `${label}, step ${memory!.step}${memory!.audited ? " (audited: decoded copies included)" : ""}`;
  const draw = ({ label, memory }: RunData, i: number, width: number) => {
    const { timeline } = memory!;
    const rows = categories.flatMap((category) =>
      timeline[category].map((bytes, time) => ({ time, category, bytes: bytes / unit.bytes })),
    );
    const top = greatestOf(totals[i]!);
    const peak = { time: totals[i]!.indexOf(top), bytes: top / unit.bytes };
    const last = totals[i]!.length - 1;
    return Plot.plot({
      ...frame(
        `Device memory by category through one step, ${label}: highest ${peak.bytes.toFixed(1)} ${unit.name}`,
      ),
      width,
      height: 300,
      marginTop: 30,
      x: {
        ...across("allocations and releases, in order →"),
        labelOffset: 20,
        ticks: [],
        domain: [0, Math.max(1, last)],
      },
      y: { label: unit.name, domain: [0, (highest / unit.bytes) * 1.02], grid: true },
      color: { domain: categories, range: categories.map((category) => `var(--${category})`) },
      marks: [
        Plot.areaY(rows, {
          x: "time",
          y: "bytes",
          fill: "category",
          order: [...categories],
          curve: "step-after",
        }),
        Plot.ruleY([0]),
        Plot.dot([peak], { x: "time", y: "bytes", r: 3, fill: "currentColor" }),
        Plot.text([peak], {
          x: "time",
          y: "bytes",
          text: ({ bytes }) => `${bytes.toPrecision(4)} ${unit.name}`,
          textAnchor: peak.time > last / 2 ? "end" : "start",
          dy: -9,
          fontWeight: 600,
        }),
      ],
    });
  };
  panels(box, shown, draw, title);
}
