/** Counts standardised errors as they come, and draws them under the normal curve. */
import { across, draw } from "../chart.js";
import { short } from "../number.js";

const [extent, bins] = [5, 50];
const width = (2 * extent) / bins;

export class ErrorHistogram {
  readonly #counts = new Array<number>(bins).fill(0);
  #total = 0;
  #squares = 0;

  add(errors: readonly number[]): void {
    for (const error of errors) {
      this.#total++;
      this.#squares += error * error;
      // What is further out is drawn at the edge, so that it is not overlooked.
      this.#counts[Math.min(bins - 1, Math.max(0, Math.floor((error + extent) / width)))]!++;
    }
  }

  draw(box: HTMLElement): Promise<void> {
    const density = this.#counts.map((count, i) => ({
      from: -extent + i * width,
      to: -extent + (i + 1) * width,
      density: count / (this.#total * width || 1),
    }));
    const curve = Array.from({ length: 121 }, (_, i) => {
      const at = -extent + (i * extent) / 60;
      return { at, density: Math.exp((-at * at) / 2) / Math.sqrt(2 * Math.PI) };
    });
    const deviation = Math.sqrt(this.#squares / (this.#total || 1));
    const label = `Histogram of ${this.#total} errors of the gradient ÷ predicted σ. Their standard deviation is ${short(deviation)}; the curve of the prediction has 1.`;
    return draw(box, label, (Plot, chartWidth) => ({
      height: Math.min(320, Math.max(220, chartWidth * 0.4)),
      x: { ...across("error ÷ predicted σ"), domain: [-extent, extent] },
      y: { label: "density", grid: true },
      marks: [
        Plot.rectY(density, {
          x1: "from",
          x2: "to",
          y: "density",
          inset: 0.5,
          fill: "var(--run-1)",
          fillOpacity: 0.7,
        }),
        Plot.lineY(curve, { x: "at", y: "density", stroke: "var(--run-2)", strokeWidth: 2.5 }),
        Plot.ruleY([0]),
      ],
    }));
  }
}

/** Of each weight: the measured σ against the predicted one. Right predictions lie around the diagonal. */
export function drawWeights(
  box: HTMLElement,
  { measured, predicted }: { measured: readonly number[]; predicted: readonly number[] },
): Promise<void> {
  const dots = measured.map((value, i) => ({ measured: value, predicted: predicted[i]! }));
  const largest = dots.reduce((most, dot) => Math.max(most, dot.measured, dot.predicted), 0) || 1;
  const above = dots.filter((dot) => dot.measured > dot.predicted).length;
  const label = `Measured against predicted standard deviation of ${dots.length} weights; ${above} lie above the diagonal.`;
  const diagonal = [0, largest].map((at) => ({ measured: at, predicted: at }));
  return draw(box, label, (Plot, width) => ({
    width: Math.min(width, 460),
    height: Math.min(width, 460) * 0.8,
    marginLeft: 60,
    x: { ...across("predicted σ of its channel"), domain: [0, 1.05 * largest], ticks: 4, tickFormat: short },
    y: {
      label: "measured σ of a weight",
      domain: [0, 1.05 * largest],
      ticks: 4,
      tickFormat: short,
      grid: true,
    },
    marks: [
      Plot.line(diagonal, { x: "predicted", y: "measured", stroke: "var(--run-2)", strokeWidth: 2 }),
      Plot.dot(dots, { x: "predicted", y: "measured", r: 3.5, fill: "var(--run-1)", fillOpacity: 0.55 }),
    ],
  }));
}
