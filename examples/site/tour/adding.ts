/** Draws the error of one weight's gradient again and again, and compares it with the prediction. */
import { decode, encode } from "../../../src/codec/reference.js";
import { gradientSigma } from "../../../src/comet/law.js";
import { across, draw } from "../chart.js";
import { find } from "../element.js";
import { short } from "../number.js";
import { live, power, showFacts } from "./figure.js";
import { channelOf, sample } from "./samples.js";

/** The weight in the middle of the kernel that leads from this input channel to this output channel. */
const [inputChannel, outputChannel] = [2, 5];
const draws = 400;
const bins = 31;
/** The histogram's ends, in standard deviations. */
const ends = 4;

const density = (z: number): number => Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI);

export function addingFigure(): void {
  live("#figure-adding", async (figure) => {
    const bound = power(find<HTMLInputElement>("input", figure));
    find("output", figure).textContent = short(bound);
    const x = channelOf(await sample("x/layer2.0.relu1"), inputChannel);
    const delta = channelOf(await sample("delta/layer2.0.conv2"), outputChannel).data;
    // The middle tap of a 3 × 3 kernel meets each output where its input is. E_k sums over inputs that are not 0.
    let energy = 0;
    for (let i = 0; i < delta.length; i++) if (x.data[i] !== 0) energy += delta[i]! ** 2;
    const sigma = gradientSigma(bound, { energy: Float32Array.of(energy) });
    const errors = Array.from({ length: draws }, (_, seed) => {
      const decoded = decode(encode(x.data, { bound, shape: x.shape, quantizer: "dithered", seed }));
      let error = 0;
      for (let i = 0; i < delta.length; i++) error += delta[i]! * (decoded[i]! - x.data[i]!);
      return error;
    });
    const counts = new Array<number>(bins).fill(0);
    const width = (2 * ends) / bins;
    for (const error of errors) {
      const bin = Math.floor((error / sigma + ends) / width);
      counts[Math.max(0, Math.min(bins - 1, bin))]!++;
    }
    const bars = counts.map((count, i) => ({
      from: -ends + i * width,
      to: -ends + (i + 1) * width,
      density: count / draws / width,
    }));
    const curve = Array.from({ length: 121 }, (_, i) => -ends + (2 * ends * i) / 120);
    await draw(
      find("[data-plot]", figure),
      "Histogram of the gradient's errors in units of the predicted standard deviation, and the normal curve",
      (Plot, chartWidth) => ({
        height: Math.max(220, Math.min(280, chartWidth * 0.38)),
        x: across("error of the gradient ÷ predicted σ"),
        y: { label: "density", grid: true },
        marks: [
          Plot.rectY(bars, {
            x1: "from",
            x2: "to",
            y: "density",
            fill: "var(--run-1)",
            fillOpacity: 0.7,
            inset: 0.5,
          }),
          Plot.line(curve, { x: (z: number) => z, y: density, stroke: "var(--run-2)", strokeWidth: 2.5 }),
        ],
      }),
    );
    const measured = Math.sqrt(errors.reduce((sum, error) => sum + error * error, 0) / draws);
    showFacts(find("dl", figure), [
      ["predicted σ", short(sigma)],
      [`measured over ${draws} draws`, short(measured)],
      ["predicted ÷ measured", (sigma / measured).toFixed(3)],
    ]);
  });
}
