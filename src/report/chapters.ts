/** The sections of a report with plots: their captions, their tables, and the empty boxes that client/ fills. */
import { figure, foldedTable, type Section } from "./document.js";
import type { PageData, RunData } from "./series.js";
import { measurable } from "./summary.js";

/** The sections with plots, for those plots that some run has records for. */
export function chapters({ runs, stride, horizon }: PageData): Section[] {
  const some = (has: (run: RunData) => boolean) => runs.some(has);
  const drawn = stride > 1 ? ` Every ${ordinal(stride)} step is drawn.` : "";
  const several = runs.length > 1;
  const smoothed =
    horizon > 1 ? `: faint as measured, strong as an exponential mean over about ${horizon} steps` : "";
  const result: Section[] = [];
  if (some(({ steps }) => steps.step.length > 0)) {
    const epochs = some((run) => run.epochs.length > 0);
    const body = [
      figure(
        "loss",
        "Training loss",
        `Mean cross entropy of each batch${smoothed}.${drawn}${several ? " Runs with one seed use the same batches, so their curves differ only where their arithmetic differs; where curves coincide, the first run shows as a paler edge." : ""} Lower is better.`,
      ),
      figure(
        "accuracy",
        "Accuracy",
        `Share of correctly classified images. Lines show the training batches, smoothed like the loss${epochs ? "; dots show the whole test split after each epoch. Training images may be augmented, which makes them harder than test images" : ""}.`,
      ),
    ];
    result.push({ id: "training", title: "Training", body: body.join("\n") });
    const memory = some((run) => run.memory !== null)
      ? figure(
          "memory",
          "One step, by category",
          "The live bytes on the device during one step, the last one with a whole batch: forward from the left, then backward, then the update. Each allocation or release is one unit of time; runs have different numbers of them. All panels share one scale, and the number is the highest point. The area to compare is “saved”, the tensors that forward saves for backward.",
        )
      : "";
    const bySite = some((run) => run.holders !== null)
      ? figure(
          "holders",
          "The same step, by site",
          "Each band is what one site holds in one category; sites that hold little are together in the band “others”. The dashed line is the peak: only what lives there decides how much memory the step needs. Point at a band to see its site.",
          peakTables(runs),
        )
      : "";
    const saved = figure(
      "saved",
      "Saved-for-backward peak of each step",
      `The largest number of bytes of saved tensors at any moment of a step.${drawn} Stores that keep tensors as they are save the same bytes in every step (fewer for a last, smaller batch); with error bounds they depend on the bounds and the share of zeros. Audited steps are left out, because they also hold decoded copies.`,
    );
    result.push({ id: "memory", title: "Memory", body: [memory, bySite, saved].join("\n") });
  }
  if (some((run) => run.sites.length > 0)) result.push(layers(runs));
  if (some((run) => run.samples.length > 0)) {
    result.push({
      id: "tensors",
      title: "Saved tensors",
      body: figure(
        "samples",
        "Original, reconstructed, error",
        "Channels of the first image of a batch, at most 64 × 64 values each: the layer’s input, the decoded input that backward uses, and their difference in units of the bound. The first two share a scale. Errors never reach ±1 (the ends of their scale). With the quantisers support and dithered, zeros decode to zeros, whatever the bound.",
      ),
    });
  }
  if (some((run) => run.probes.length > 0)) result.push(gradients(runs));
  return result;
}

/** What lives at the peak of the step that the figure shows. */
const peakTables = (runs: readonly RunData[]): string =>
  runs
    .filter(({ holders }) => holders !== null)
    .map(({ label, holders }) => {
      const { bytes: all, holders: rows, op } = holders!.peak;
      return foldedTable(
        `${label}: what lives at the peak, in ${op}`,
        ["Site", "Category", "Blocks", "Bytes", "Share"],
        rows.map(({ site, category, blocks, bytes }) => [
          site,
          category,
          String(blocks),
          bytes.toLocaleString("en"),
          percent(bytes / all),
        ]),
      );
    })
    .join("\n");

function layers(runs: readonly RunData[]): Section {
  const tables = runs
    .filter(({ sites }) => sites.length > 0)
    .map(({ label, sites }) =>
      foldedTable(
        `${label}: layers at their last collection`,
        ["Layer", "Bound", "Zeros", "Ratio"],
        sites.map(({ name, bound, zeros, ratio }) => [
          name,
          significant(bound.at(-1)),
          percent(zeros.at(-1)),
          ratio.at(-1) === null ? "shared with another layer" : significant(ratio.at(-1)),
        ]),
      ),
    );
  const order =
    "Colours run from the input of the network (blue) to its output (red), in the order of the forward pass; point at a line to see its layer.";
  return {
    id: "layers",
    title: "Layers over time",
    body: [
      figure(
        "bound",
        "Error bound",
        `The absolute error bound of each layer’s stored input, at each collection of statistics; logarithmic. The controller widens it when the tolerated error of the gradient grows or the loss signal shrinks. ${order}`,
      ),
      figure(
        "zeros",
        "Sparsity",
        `Share of each layer’s input that is exactly zero, for example after a ReLU. Zeros cost almost nothing to store, and because they are stored exactly they add no error to the gradient. ${order}`,
      ),
      figure(
        "ratio",
        "Compression ratio",
        `Bytes as float32 ÷ stored bytes, at each collection of statistics; logarithmic. A layer that shares its input with another has no line of its own. ${order}`,
        tables.join("\n"),
      ),
    ].join("\n"),
  };
}

function gradients(runs: readonly RunData[]): Section {
  const tables = runs
    .filter(({ probes }) => probes.length > 0)
    .map(({ label, probes }) =>
      foldedTable(
        `${label}: error of each weight gradient`,
        [
          "Weight",
          "Weights",
          "Probes",
          "Predicted σ, last",
          "Measured σ, last",
          "Predicted ÷ measured",
          "Deviation",
        ],
        probes.map((probe) => [
          probe.parameter,
          probe.weights.toLocaleString("en"),
          String(probe.step.length),
          significant(probe.predicted.at(-1)),
          significant(probe.measured.at(-1)),
          Number.isFinite(probe.ratio) ? probe.ratio.toFixed(3) : "–",
          probe.histogram.deviation.toFixed(3),
        ]),
      ),
    );
  const ratios = runs.some(({ probes }) => measurable(probes).length > 0)
    ? [
        figure(
          "sigma",
          "Predicted against measured σ",
          "One dot per layer and probe. Horizontal axis: the standard deviation of the weight gradient’s error that the law predicts from the bound alone. Vertical axis: the root mean square of the error, measured by backpropagating the same step with and without compression. On the line they agree; the band is ±10 %. Both axes are logarithmic.",
        ),
        figure(
          "sigma-ratio",
          "Predicted ÷ measured σ, by layer",
          "The quotient of the two, from the input (top) to the output. Small dots are probes; the large dot is the quotient of the root mean squares over all probes. 1 is perfect agreement; the band is 0.9 to 1.1. Layers with few weights scatter more, because their measured σ comes from few values, which are not independent where output channels share the errors of one input.",
          tables.join("\n"),
        ),
      ]
    : tables;
  return {
    id: "gradients",
    title: "Gradient error: the law and the measurement",
    body: [
      figure(
        "histogram",
        "All layers together",
        "Bars: the measured errors of the weights’ gradients, each divided by the σ that the law predicts for its output channel. All layers and probes are pooled; large layers contribute an evenly spaced selection of their weights. Line: the standard normal curve, not fitted. n is the number of errors; mean and deviation are measured (predicted: 0 and 1). Larger layers have more influence; the next figure shows each layer separately.",
      ),
      figure(
        "histograms",
        "Layer by layer",
        "The histogram of each layer, on one scale. A narrower shape than the curve means that the law overestimates that layer’s error; a wider one means that it underestimates it.",
      ),
      ...ratios,
    ].join("\n"),
  };
}

const given = (value: number | null | undefined): value is number =>
  value !== null && value !== undefined && Number.isFinite(value);
const significant = (value: number | null | undefined): string => (given(value) ? value.toPrecision(3) : "–");
const percent = (value: number | null | undefined): string =>
  given(value) ? `${(100 * value).toFixed(1)} %` : "–";

function ordinal(n: number): string {
  const suffix = n % 100 >= 11 && n % 100 <= 13 ? "th" : (["th", "st", "nd", "rd"][n % 10] ?? "th");
  return `${n}${suffix}`;
}
