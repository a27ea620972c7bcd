/** Draws the figures of a page into their empty boxes. */
import { append, type Drawing } from "./frame.js";
import { byLayer, pooled, sigma, sigmaRatio } from "./gradients.js";
import { holders } from "./holders.js";
import { bound, ratio, zeros } from "./layers.js";
import { memory } from "./memory.js";
import { samples } from "./samples.js";
import { pareto, signalToNoise } from "./stores.js";
import { accuracy, loss, saved } from "./training.js";

const drawings: Record<string, Drawing> = {
  ...{ loss, accuracy, memory, holders, saved, bound, zeros, ratio, samples },
  ...{ histogram: pooled, histograms: byLayer, sigma, "sigma-ratio": sigmaRatio },
  ...{ pareto, "signal-to-noise": signalToNoise },
};

/** Draws every figure of the page anew. A figure that cannot be drawn says why. */
export function drawAll(): void {
  for (const box of document.querySelectorAll<HTMLElement>("[data-figure]")) {
    box.replaceChildren();
    try {
      drawings[box.dataset.figure!]!(box);
    } catch (cause) {
      append(box, "p", "failed").textContent = `This figure could not be drawn: ${cause}`;
    }
    for (const svg of box.querySelectorAll("svg[aria-label]")) svg.setAttribute("role", "img");
  }
}
