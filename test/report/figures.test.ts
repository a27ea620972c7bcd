/** Figures without a browser: their parts are drawn, in the colours of a theme, and their data stands beside them. */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { decode } from "fast-png";
import type { BandFigure, Figure } from "../../src/experiments/figure.js";
import { csvOf } from "../../src/report/figures/csv.js";
import { drawFigure } from "../../src/report/figures/draw.js";
import { writeFigures } from "../../src/report/figures/files.js";
import { themed } from "../../src/report/figures/theme.js";

const described = (name: string) => ({ name, title: `Title of ${name}`, caption: "A <caption>." });

const figures: Figure[] = [
  {
    ...described("bands"),
    kind: "bands",
    x: "step",
    y: "accuracy",
    bands: ["plain", "COMET & more"].map((label) => ({
      label,
      points: [1, 2, 3].map((x) => ({ x, mean: x / 10, low: x / 11, high: x / 9 })),
    })),
  },
  {
    ...described("layers"),
    kind: "layers",
    x: "σ",
    dots: ["a", "b"].flatMap((layer) => [
      { layer, series: "predicted", value: 1e-4 },
      { layer, series: "measured", value: 2e-2 },
    ]),
  },
  {
    ...described("pareto"),
    kind: "pareto",
    x: "bytes",
    y: "noise",
    logX: true,
    logY: true,
    points: [1, 2].map((x) => ({ series: "comet", x, y: 0.1 / x, label: `share ${x}, "loose"` })),
  },
  {
    ...described("stack"),
    kind: "stack",
    bars: ["plain", "comet"].flatMap((label) => [
      { label, category: "saved", bytes: 2 ** 21 },
      { label, category: "workspace", bytes: 2 ** 20 },
    ]),
  },
];

const count = (text: string, part: RegExp): number => [...text.matchAll(part)].length;

test("every kind of figure has its marks, its title and its legend", () => {
  const drawn = new Map(figures.map((figure) => [figure.name, drawFigure(figure)]));
  for (const [name, svg] of drawn) {
    assert.match(svg, new RegExp(`Title of ${name}`));
    assert.doesNotMatch(svg, /NaN|undefined/, name);
  }
  assert.match(drawn.get("bands")!, /COMET &amp; more/);
  assert.equal(count(drawn.get("layers")!, /<circle /g), 4);
  assert.equal(count(drawn.get("pareto")!, /fill="var\(--run-1\)"/g), 3, "two dots and the legend");
  assert.ok(count(drawn.get("stack")!, /fill="var\(--saved\)"/g) >= 3, "two bars and the legend");
});

test("a series has the colour of its place among all variants, and its own one if it is none of them", () => {
  const [bands, layers] = figures;
  const alone = { ...bands!, bands: (bands as BandFigure).bands.slice(1) } as Figure;
  const order = ["plain", "COMET & more"];
  const colours = (svg: string) => [...new Set(svg.match(/var\(--run-\d\)/g))];
  assert.deepEqual(colours(drawFigure(alone, order)), ["var(--run-2)"]);
  assert.deepEqual(colours(drawFigure(bands!, order)), ["var(--run-1)", "var(--run-2)"]);
  assert.deepEqual(drawFigure(layers!, order), drawFigure(layers!));
});

test("outside a page a figure has literal colours, other ones in the dark", () => {
  for (const figure of figures) {
    const svg = drawFigure(figure);
    const [light, dark] = [themed(svg, "light"), themed(svg, "dark")];
    for (const image of [light, dark]) assert.doesNotMatch(image, /var\(|currentColor/);
    assert.notEqual(light, dark);
    assert.match(light, /#ffffff/);
  }
});

test("a figure's data has a line for each value", () => {
  assert.deepEqual(
    figures.map((figure) => csvOf(figure).trim().split("\n").length),
    [7, 5, 3, 5],
  );
  assert.match(csvOf(figures[2]!), /comet,1,0\.1,"share 1, ""loose"""\n/);
});

test("a bundle holds every figure twice as SVG, twice as PNG, with data and captions", async () => {
  const folder = mkdtempSync(join(tmpdir(), "comet-figures-"));
  try {
    await writeFigures(
      { name: "mine", question: "Is it?", figures, labels: [], origin: ["Seeds 1, 2"] },
      folder,
    );
    const files = readdirSync(folder);
    assert.equal(files.length, 5 * figures.length + 1);
    for (const { name } of figures) {
      const { width, height, data } = decode(readFileSync(join(folder, `${name}-light.png`)));
      assert.equal(width, 1520);
      assert.ok(height > 200);
      assert.ok(new Set(data.subarray(0, 4 * width * 40)).size > 10, "the title is drawn");
    }
    const captions = readFileSync(join(folder, "captions.md"), "utf8");
    assert.match(captions, /^# mine\n\nIs it\?\n\n- Seeds 1, 2\n/);
    for (const { title, name } of figures)
      assert.match(captions, new RegExp(`## ${title}[\\s\\S]*${name}\\.csv`));
    await writeFigures(
      { name: "mine", question: "Is it?", figures: figures.slice(0, 1), labels: [], origin: [] },
      folder,
      figures,
    );
    assert.deepEqual(
      readdirSync(folder).filter((name) => !name.startsWith(figures[0]!.name)),
      ["captions.md"],
      "what an earlier result drew is gone",
    );
    await writeFigures(
      { name: "mine", question: "Is it?", figures: [], labels: [], origin: [] },
      folder,
      figures,
    );
    assert.deepEqual(readdirSync(folder), [], "and so are its captions");
  } finally {
    rmSync(folder, { recursive: true });
  }
});
