/**
 * A bundle of figures: for each one NAME-light.svg, NAME-dark.svg, the same as PNG, NAME.csv with its data, and captions.md
 * with the captions of all.
 */
import { join } from "node:path";
import type { Figure } from "../../experiments/figure.js";
import { writeAtomically } from "../../files/atomic.js";
import { makeFolder } from "../../files/folder.js";
import { csvOf } from "./csv.js";
import { drawFigure } from "./draw.js";
import { rasterizer } from "./png.js";
import { type Theme, themed } from "./theme.js";

interface Bundle {
  name: string;
  question: string;
  figures: readonly Figure[];
  /** Labels in the order of their colours. */
  labels: readonly string[];
  /** Where the figures are from: machine, commit, seeds and so on, a line each. */
  origin: readonly string[];
}

const bothThemes: readonly Theme[] = ["light", "dark"];

/** Writes the bundle of a result into `folder`. Without the packages that draw PNG, the captions say so. */
export async function writeFigures(
  { name, question, figures, labels, origin }: Bundle,
  folder: string,
): Promise<void> {
  if (figures.length === 0) return;
  makeFolder(folder);
  const png = await rasterizer();
  const captions = [`# ${name}`, "", question, "", ...origin.map((line) => `- ${line}`), ""];
  for (const figure of figures) {
    const svg = drawFigure(figure, labels);
    for (const theme of bothThemes) {
      const image = themed(svg, theme);
      writeAtomically(join(folder, `${figure.name}-${theme}.svg`), `${image}\n`);
      if (png) writeAtomically(join(folder, `${figure.name}-${theme}.png`), png(image));
    }
    writeAtomically(join(folder, `${figure.name}.csv`), csvOf(figure));
    captions.push(`## ${figure.title}`, "", figure.caption, "", `Data: ${figure.name}.csv`, "");
  }
  if (!png) captions.push("PNG images need `npm install --no-save @resvg/resvg-wasm dejavu-fonts-ttf`.", "");
  writeAtomically(join(folder, "captions.md"), captions.join("\n"));
}
