/** The device's live memory during one step by site and category, as bands that are stacked like a flame graph. */
import type * as PlotModule from "@observablehq/plot";
import type { RunData } from "../series.js";
import { greatestOf } from "./extremes.js";
import { across, byteUnit, frame, panels, runs, swatches } from "./frame.js";
import { categories } from "./memory.js";

declare const Plot: typeof PlotModule;

/** A band narrower than this part of the figure's height has no name in it. */
const leastNamed = 1 / 24;

export function holders(box: HTMLElement): void {
  const shown = runs.filter(({ holders }) => holders !== null);
  const totals = shown.map(({ holders }) => {
    const { ops, series } = holders!;
    return ops.map((_, i) => series.reduce((sum, { bytes }) => sum + bytes[i]!, 0));
  });
  const highest = greatestOf(totals.map((total) => greatestOf(total)));
  const unit = byteUnit(highest);
  box.append(
    swatches(
      [...categories],
      categories.map((category) => `var(--${category})`),
    ),
  );
  const draw = ({ label, holders }: RunData, _: number, width: number) => {
    const { ops, series, peak } = holders!;
    const base = ops.map(() => 0);
    const ordered = categories.flatMap((category) => series.filter((row) => row.category === category));
    const bands = ordered.map(({ site, category, bytes }, band) => {
      const points = bytes.map((value, time) => {
        const from = base[time]!;
        base[time] = from + value / unit.bytes;
        return { time, from, to: base[time]!, band, site, category };
      });
      const widest = points.reduce((a, b) => (b.to - b.from > a.to - a.from ? b : a));
      return { points, widest };
    });
    const named = bands
      .map(({ widest }) => widest)
      .filter(({ from, to }) => to - from > (leastNamed * highest) / unit.bytes);
    const summit = { time: peak.moment, bytes: peak.bytes / unit.bytes };
    const last = Math.max(1, ops.length - 1);
    return Plot.plot({
      ...frame(
        `Device memory by site through one step, ${label}: highest ${summit.bytes.toFixed(1)} ${unit.name} in ${peak.op}`,
      ),
      width,
      height: 420,
      marginTop: 30,
      x: { ...across("allocations and releases, in order →"), labelOffset: 20, ticks: [], domain: [0, last] },
      y: { label: unit.name, domain: [0, (highest / unit.bytes) * 1.02], grid: true },
      color: { domain: categories, range: categories.map((category) => `var(--${category})`) },
      marks: [
        Plot.areaY(
          bands.flatMap(({ points }) => points),
          {
            x: "time",
            y1: "from",
            y2: "to",
            z: "band",
            fill: "category",
            stroke: "var(--paper)",
            strokeWidth: 0.4,
            curve: "step-after",
            title: ({ site, category }: { site: string; category: string }) => `${site} (${category})`,
          },
        ),
        Plot.ruleX([summit], { x: "time", strokeDasharray: "3,3" }),
        // A name stays within the figure.
        ...(["start", "end"] as const).map((textAnchor) =>
          Plot.text(
            named.filter(({ time }) => time > last / 2 === (textAnchor === "end")),
            { x: "time", y: ({ from, to }) => (from + to) / 2, text: "site", fontSize: 9, textAnchor },
          ),
        ),
        Plot.ruleY([0]),
        Plot.text([summit], {
          x: "time",
          y: "bytes",
          text: ({ bytes }) => `${bytes.toPrecision(4)} ${unit.name}`,
          textAnchor: summit.time > last / 2 ? "end" : "start",
          dy: -9,
          fontWeight: 600,
        }),
      ],
    });
  };
  panels(box, shown, draw, ({ label, holders }) => `${label}, at the peak: ${holders!.peak.op}`);
}
