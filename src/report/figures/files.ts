/**
 * A bundle of figures: for each one NAME-light.svg, NAME-dark.svg, the same as PNG, NAME.csv with its data, and captions.md
 * with the captions of all.
 */
import { rmSync } from "node:fs";
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

/** The files of one figure. */
const filesOf = (name: string): string[] => [
  ...bothThemes.flatMap((theme) => [`${name}-${theme}.svg`, `${name}-${theme}.png`]),
  `${name}.csv`,
];

/**
 * Writes the bundle of a result into `folder`, and removes the figures that an earlier one had there (`before`). Without the
 * packages that draw PNG, the captions say so.
 */
export async function writeFigures(
  { name, question, figures, labels, origin }: Bundle,
  folder: string,
  before: readonly Pick<Figure, "name">[] = [],
): Promise<void> {
  const written = new Set<string>();
  const write = (name: string, content: string | Uint8Array) => {
    writeAtomically(join(folder, name), content);
    written.add(name);
  };
  if (figures.length > 0) makeFolder(folder);
  const png = await rasterizer();
  const captions = [`# ${name}`, "", question, "", ...origin.map((line) => `- ${line}`), ""];
  for (const figure of figures) {
    const svg = drawFigure(figure, labels);
    for (const theme of bothThemes) {
      const image = themed(svg, theme);
      write(`${figure.name}-${theme}.svg`, `${image}\n`);
      if (png) write(`${figure.name}-${theme}.png`, png(image));
    }
    write(`${figure.name}.csv`, csvOf(figure));
    captions.push(`## ${figure.title}`, "", figure.caption, "", `Data: ${figure.name}.csv`, "");
  }
  if (!png) captions.push("PNG images need `npm install --no-save @resvg/resvg-wasm dejavu-fonts-ttf`.", "");
  if (figures.length > 0) write("captions.md", captions.join("\n"));
  // Figures of an earlier result would contradict this one.
  for (const name of [...before.flatMap(({ name }) => filesOf(name)), "captions.md"]) {
    if (!written.has(name)) rmSync(join(folder, name), { force: true });
  }
}
