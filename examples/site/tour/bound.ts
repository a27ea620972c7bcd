/** A row of an activation before and after, and the band that the bound promises. */
import { decode, encode } from "../../../src/codec/reference.js";
import { across, draw } from "../chart.js";
import { find } from "../element.js";
import { short } from "../number.js";
import { live, power, showFacts } from "./figure.js";
import { sample } from "./samples.js";

/** The row that is drawn, of the first image. */
const [channel, row] = [3, 14];

export function boundFigure(): void {
  live("#figure-bound", async (figure) => {
    const bound = power(find<HTMLInputElement>("input", figure));
    find("output", figure).textContent = short(bound);
    const { shape, data } = await sample("x/bn1");
    const [height, width] = shape.slice(2) as [number, number];
    const frame = encode(data, { bound, shape, quantizer: "dithered", mode: "auto" });
    const decoded = decode(frame);
    const from = (channel * height + row) * width;
    const points = Array.from({ length: width }, (_, i) => ({
      i,
      x: data[from + i]!,
      decoded: decoded[from + i]!,
      low: data[from + i]! - bound,
      high: data[from + i]! + bound,
    }));
    await draw(
      find("[data-plot]", figure),
      "One row of an activation, with the values that come back and a band of one bound to both sides",
      (Plot, chartWidth) => ({
        height: Math.max(220, Math.min(300, chartWidth * 0.4)),
        x: across("position in the row"),
        y: { label: "value", grid: true },
        marks: [
          Plot.areaY(points, { x: "i", y1: "low", y2: "high", fill: "var(--run-1)", fillOpacity: 0.2 }),
          Plot.lineY(points, { x: "i", y: "x", stroke: "var(--run-1)", strokeWidth: 2 }),
          Plot.dot(points, { x: "i", y: "decoded", fill: "var(--run-2)", r: 3.5 }),
        ],
      }),
    );
    const worst = data.reduce((most, x, i) => Math.max(most, Math.abs(x - decoded[i]!)), 0);
    showFacts(find("dl", figure), [
      ["largest error ÷ bound", short(worst / bound)],
      ["bits for each value", short((8 * frame.length) / data.length)],
      ["smaller than float32", `${short((4 * data.length) / frame.length)} times`],
    ]);
  });
}
