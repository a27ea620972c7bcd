/** The law turned round: from the error that a gradient may have to the bound, and what the gradient looks like then. */
import { decode, encode } from "../../../src/codec/reference.js";
import { acceptedSigma, lawBound } from "../../../src/comet/law.js";
import { across, draw } from "../chart.js";
import { find } from "../element.js";
import { percent, short } from "../number.js";
import { live, power, showFacts } from "./figure.js";
import { type Sample, sample } from "./samples.js";

/** The gradients of the middle taps of a convolution's kernels, for all pairs of channels. */
function middleGradients(
  x: Float32Array,
  delta: Float32Array,
  shapes: Record<"x" | "delta", readonly number[]>,
): Float64Array {
  const [images, inputs, height, width] = shapes.x as [number, number, number, number];
  const outputs = shapes.delta[1]!;
  const size = height * width;
  const gradients = new Float64Array(outputs * inputs);
  for (let n = 0; n < images; n++) {
    for (let k = 0; k < outputs; k++) {
      const d = delta.subarray((n * outputs + k) * size, (n * outputs + k + 1) * size);
      for (let c = 0; c < inputs; c++) {
        const from = (n * inputs + c) * size;
        let sum = 0;
        for (let i = 0; i < size; i++) sum += d[i]! * x[from + i]!;
        gradients[k * inputs + c]! += sum;
      }
    }
  }
  return gradients;
}

const meanSize = (values: Float64Array): number =>
  values.reduce((sum, value) => sum + Math.abs(value), 0) / values.length;

/** Σδ² of each output channel, over positions where some input is not 0: nearly all of them. */
function energies({ shape, data }: Sample, nonZero: number): Float32Array {
  const [images, channels, height, width] = shape as [number, number, number, number];
  const size = height * width;
  const sums = new Float32Array(channels);
  for (let i = 0; i < images * channels * size; i++)
    sums[Math.floor(i / size) % channels]! += nonZero * data[i]! ** 2;
  return sums;
}

export function toleratedFigure(): void {
  live("#figure-tolerated", async (figure) => {
    const share = power(find<HTMLInputElement>("input", figure));
    find("output", figure).textContent = percent(share);
    const [x, delta] = [await sample("x/layer2.0.relu1"), await sample("delta/layer2.0.conv2")];
    const shapes = { x: x.shape, delta: delta.shape };
    const exact = middleGradients(x.data, delta.data, shapes);
    const size = meanSize(exact);
    const nonZero = x.data.reduce((count, value) => count + (value === 0 ? 0 : 1), 0) / x.data.length;
    const bound = lawBound(acceptedSigma(size, share), { energy: energies(delta, nonZero) });
    const frame = encode(x.data, { bound, shape: x.shape, quantizer: "dithered", mode: "auto" });
    const noisy = middleGradients(decode(frame), delta.data, shapes);
    const points = [...exact].map((gradient, i) => ({ exact: gradient / size, noisy: noisy[i]! / size }));
    const ends = points.reduce((most, point) => Math.max(most, Math.abs(point.exact)), 0);
    await draw(
      find("[data-plot]", figure),
      "Each gradient with errors against the exact gradient, in units of the mean gradient",
      (Plot, width) => ({
        height: Math.min(420, Math.max(260, width * 0.6)),
        x: { ...across("exact gradient ÷ mean size"), grid: true },
        y: { label: "gradient from the compressed activation", grid: true },
        marks: [
          Plot.line(
            [
              [-ends, -ends],
              [ends, ends],
            ],
            { stroke: "var(--run-2)", strokeWidth: 2 },
          ),
          Plot.dot(points, { x: "exact", y: "noisy", fill: "var(--run-1)", fillOpacity: 0.6, r: 3 }),
        ],
      }),
    );
    const square = exact.reduce((sum, gradient, i) => sum + (noisy[i]! - gradient) ** 2, 0);
    showFacts(find("dl", figure), [
      ["bound, from the law", short(bound)],
      ["measured σ ÷ mean gradient", percent(Math.sqrt(square / exact.length) / size)],
      ["smaller than float32", `${short((4 * x.data.length) / frame.length)} times`],
    ]);
  });
}
