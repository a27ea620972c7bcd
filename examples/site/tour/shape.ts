/** The distribution of the errors: uniform under dither, whatever the data, and anything else without it. */
import { decode, encode } from "../../../src/codec/reference.js";
import { across, draw } from "../chart.js";
import { find } from "../element.js";
import { short } from "../number.js";
import { live, power, showFacts } from "./figure.js";
import { sample } from "./samples.js";

const bins = 25;

/** Values that are all equal, as in the background of an image. */
const flat = (length: number): Float32Array => new Float32Array(length).fill(0.37);

/** What is left of equal numbers after their sum is rounded counts as 0. */
const unlessNothing = (value: number): number => (Math.abs(value) < 1e-12 ? 0 : value);

export function shapeFigure(): void {
  live("#figure-shape", async (figure) => {
    const bound = power(find<HTMLInputElement>("input[type=range]", figure));
    const dithered = find<HTMLInputElement>("[name=dither]", figure).checked;
    const background = find<HTMLSelectElement>("select", figure).value === "flat";
    find("output", figure).textContent = short(bound);
    const activation = await sample("x/relu");
    const data = background ? flat(activation.data.length) : activation.data;
    const quantizer = dithered ? "dithered" : "support";
    const decoded = decode(encode(data, { bound, shape: activation.shape, quantizer }));
    const errors = [...data.keys()].filter((i) => data[i] !== 0).map((i) => (decoded[i]! - data[i]!) / bound);
    const counts = new Array<number>(bins).fill(0);
    for (const error of errors) counts[Math.min(bins - 1, Math.floor(((error + 1) / 2) * bins))]!++;
    const bars = counts.map((count, i) => ({
      from: -1 + (2 * i) / bins,
      to: -1 + (2 * (i + 1)) / bins,
      density: ((count / errors.length) * bins) / 2,
    }));
    await draw(
      find("[data-plot]", figure),
      "Histogram of the errors in units of the bound, and the uniform density",
      (Plot, width) => ({
        height: Math.max(220, Math.min(280, width * 0.38)),
        x: { ...across("error ÷ bound"), domain: [-1.05, 1.05] },
        y: {
          label: "density",
          grid: true,
          domain: [0, Math.max(1.1, ...bars.map(({ density }) => density))],
        },
        marks: [
          Plot.rectY(bars, {
            x1: "from",
            x2: "to",
            y: "density",
            fill: "var(--run-1)",
            fillOpacity: 0.7,
            inset: 0.5,
          }),
          Plot.line(
            [
              [-1, 0],
              [-1, 0.5],
              [1, 0.5],
              [1, 0],
            ],
            { stroke: "var(--run-2)", strokeWidth: 2.5 },
          ),
        ],
      }),
    );
    const mean = errors.reduce((sum, error) => sum + error, 0) / errors.length;
    const variance = errors.reduce((sum, error) => sum + (error - mean) ** 2, 0) / errors.length;
    showFacts(find("dl", figure), [
      ["mean error ÷ bound", short(unlessNothing(mean))],
      ["variance ÷ (bound²/3)", short(unlessNothing(3 * variance))],
      ["errors", errors.length.toLocaleString("en")],
    ]);
  });
}
