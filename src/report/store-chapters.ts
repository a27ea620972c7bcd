/** The sections with plots of a page that compares stores. */
import type { Comparison } from "../runs/comparison.js";
import { figure, foldedTable, type Section } from "./document.js";

const scientific = (value: number | null): string => (value === null ? "–" : value.toExponential(2));

export const storeChapters = (comparison: Comparison): Section[] => [bytesAndNoise(), layers(comparison)];

const bytesAndNoise = (): Section => ({
  id: "pareto",
  title: "Bytes against gradient noise",
  body: figure(
    "pareto",
    "Every store a curve",
    "Horizontal axis: the peak of all saved tensors’ bytes ÷ the images of the batch. Vertical axis: ‖error‖ ÷ ‖exact gradient‖ over all parameters and all probed batches. Both are logarithmic; lower and further left is better. A dot is a position of the store’s knob, a full dot the one in the table. A dashed line is a store without error, which has no place on a logarithmic axis.",
  ),
});

function layers({ stores }: Comparison): Section {
  const tables = stores
    .filter(({ noise }) => noise > 0)
    .map(({ store, layers }) =>
      foldedTable(
        `${store}: error of each parameter’s gradient`,
        ["Parameter", "Values", "Gradient", "Bias", "σ", "Signal ÷ noise"],
        layers.map(({ parameter, weights, gradient, bias, sigma, error }) => [
          parameter,
          weights.toLocaleString("en"),
          scientific(gradient),
          scientific(bias),
          scientific(sigma),
          error > 0 ? (gradient / error).toPrecision(3) : "exact",
        ]),
      ),
    );
  const body =
    tables.length === 0
      ? "<p>All stores gave exact gradients.</p>"
      : figure(
          "signal-to-noise",
          "Signal ÷ noise, layer by layer",
          "Root mean square of the exact gradient ÷ that of its error, for each parameter from the input of the network (top) to its output; logarithmic. Further right is better. The tables divide the error into its bias, the part that is the same in all batches, and σ, the part that varies; both are root mean squares over the values of a parameter. A bias below σ ÷ √batches cannot be told from 0.",
          tables.join("\n"),
        );
  return { id: "layers", title: "Gradient error of each layer", body };
}
