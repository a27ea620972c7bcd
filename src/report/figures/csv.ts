/** The data of a figure as comma-separated values. */
import type { Figure } from "../../experiments/figure.js";

export function csvOf(figure: Figure): string {
  const { head, rows } = tableOf(figure);
  return `${[head, ...rows].map((row) => row.map(cell).join(",")).join("\n")}\n`;
}

type Cell = string | number;

const cell = (value: Cell): string =>
  typeof value === "number" || !/[",\n]/.test(value) ? String(value) : `"${value.replaceAll('"', '""')}"`;

function tableOf(figure: Figure): { head: Cell[]; rows: Cell[][] } {
  switch (figure.kind) {
    case "bands":
      return {
        head: ["variant", figure.x, "mean", "low", "high"],
        rows: figure.bands.flatMap(({ label, points }) =>
          points.map(({ x, mean, low, high }) => [label, x, mean, low, high]),
        ),
      };
    case "layers":
      return {
        head: ["layer", "series", figure.x],
        rows: figure.dots.map(({ layer, series, value }) => [layer, series, value]),
      };
    case "pareto": {
      const spread = figure.points.some(({ low }) => low !== undefined);
      return {
        head: ["series", figure.x, figure.y, ...(spread ? ["low", "high"] : []), "label"],
        rows: figure.points.map(({ series, x, y, low, high, label }) => [
          ...[series, x, y],
          ...(spread ? [low ?? "", high ?? ""] : []),
          label,
        ]),
      };
    }
    case "stack":
      return {
        head: ["variant", "category", "bytes"],
        rows: figure.bars.map(({ label, category, bytes }) => [label, category, bytes]),
      };
  }
}
