/**
 * A comparison of stores as one page: the table that the command line prints, bytes against gradient noise, and the error
 * of each layer's gradient.
 */
import { formatBytes } from "../device/ledger.js";
import { writeAtomically } from "../files/atomic.js";
import { accuracyOf, type Comparison, type StoreComparison } from "../runs/comparison.js";
import { clientScript } from "./client.js";
import { documentHtml, type Section } from "./document.js";
import { escapeHtml as html } from "./escape.js";
import { libraries } from "./libraries.js";
import { storeChapters } from "./store-chapters.js";

interface Column {
  title: string;
  /** What the figure is, for the page. */
  meaning: string;
  cell(store: StoreComparison): string;
}

const percent = (share: number): string => `${(100 * share).toFixed(2)} %`;
const scientific = (value: number | null): string => (value === null ? "–" : value.toExponential(2));

/** A number with a few digits; a word as it is. */
function shown(value: unknown): string {
  if (typeof value !== "number") return String(value);
  return Math.abs(value) < 1e-3 ? value.toExponential(2) : String(Number(value.toPrecision(4)));
}

function pointwise({ worstErrorRatio, largestError }: StoreComparison): string {
  const parts = [
    worstErrorRatio === null ? "" : `${worstErrorRatio.toFixed(4)} of the bound`,
    largestError === null ? "" : `no bound, ${largestError.toPrecision(3)}`,
  ].filter((part) => part !== "");
  return parts.length === 0 ? "exact" : parts.join("; ");
}

function accuracyCell(store: StoreComparison): string {
  const found = accuracyOf(store);
  if (!found) return "–";
  return found.spread === null
    ? percent(found.mean)
    : `${(100 * found.mean).toFixed(2)} ± ${(100 * found.spread).toFixed(2)} %`;
}

function lossCell({ accuracies }: StoreComparison): string {
  if (accuracies.length === 0) return "–";
  const mean = (end: "start" | "end") =>
    accuracies.reduce((sum, { losses }) => sum + losses[end], 0) / accuracies.length;
  return `${mean("start").toFixed(2)} → ${mean("end").toFixed(2)}`;
}

export const columns: readonly Column[] = [
  { title: "store", meaning: "the store, with the settings that were given", cell: ({ store }) => store },
  {
    title: "knob",
    meaning: "the setting by which the store gives up noise for bytes",
    cell: ({ knob }) => (knob ? `${knob.setting} ${shown(knob.value)}` : "–"),
  },
  {
    title: "conv inputs",
    meaning: "inputs of convolutions: float32 bytes ÷ stored bytes",
    cell: ({ convRatio }) => (convRatio === null ? "–" : `${convRatio.toFixed(2)}x`),
  },
  {
    title: "saved an image",
    meaning: "the peak of all saved tensors’ bytes in a step ÷ the images of the batch",
    cell: ({ savedBytes }) => formatBytes(savedBytes),
  },
  {
    title: "device, peak",
    meaning: "the most bytes of all categories on the device in a step",
    cell: ({ devicePeakBytes }) => formatBytes(devicePeakBytes),
  },
  {
    title: "share of time",
    meaning: "the time of packing, unpacking and recomputing ÷ the time of the steps",
    cell: ({ storeShare }) => `${(100 * storeShare).toFixed(1)} %`,
  },
  {
    title: "gradient noise",
    meaning: "‖error‖ ÷ ‖exact gradient‖ over all parameters and all probed batches",
    cell: ({ noise }) => (noise === 0 ? "0" : scientific(noise)),
  },
  {
    title: "worst error of a value",
    meaning: "the largest |x − x̂| ÷ bound of any saved value; without a promised bound the largest |x − x̂|",
    cell: pointwise,
  },
  {
    title: "accuracy",
    meaning: "test accuracy of whole runs: mean ± standard deviation over the seeds",
    cell: accuracyCell,
  },
  {
    title: "loss",
    meaning: "mean training loss of the first and of the last tenth of the steps of these runs",
    cell: lossCell,
  },
];

export const cellsOf = (store: StoreComparison): string[] => columns.map(({ cell }) => cell(store));

export const titleOf = ({ model, batch, height, width, dataset, state, batches }: Comparison): string =>
  `${model}, batch ${batch}, ${height} × ${width}, ${dataset}, ${state}, ${batches} batches probed`;

/** The whole page as text. */
export function comparisonHtml(comparison: Comparison): string {
  const { model, dataset, stores } = comparison;
  return documentHtml({
    title: `${model} on ${dataset}: ${stores.length} stores`,
    about: `A comparison by comet-ts: ${titleOf(comparison)}. All stores saw the same weights and the same batches.`,
    notices: [],
    sections: [summary(comparison), ...storeChapters(comparison)],
    data: { runs: [], stride: 1, horizon: 1, comparison },
    libraries: libraries(),
    client: clientScript(),
  });
}

/** Writes the page completely or not at all. Throws as `writeAtomically` does. */
export function writeComparison(comparison: Comparison, file: string): void {
  writeAtomically(file, comparisonHtml(comparison));
}

function summary({ stores, failed, equal, target }: Comparison): Section {
  const head = stores
    .map(
      ({ store }, i) =>
        `<th scope="col"><span class="key" style="background:var(--run-${(i % 6) + 1})"></span>${html(store)}</th>`,
    )
    .join("");
  const tuning: Column = {
    title: "tuning",
    meaning: "how the knob came to its place",
    cell: ({ note }) => note,
  };
  const rows = [...columns.slice(1), ...(stores.some(({ note }) => note !== "") ? [tuning] : [])].map(
    ({ title, meaning, cell }) =>
      `<tr><th scope="row">${html(title)}<small>${html(meaning)}</small></th>${stores.map((store) => `<td>${html(cell(store))}</td>`).join("")}</tr>`,
  );
  const failures = failed
    .map(({ store, reason }) => `\n<p>${html(store)} could not be measured: ${html(reason)}</p>`)
    .join("");
  const tuned =
    target === null
      ? "Every knob stands where it was put."
      : `Every knob was turned to the same ${equal}: ${shown(target)}.`;
  return {
    id: "summary",
    title: "Summary",
    body: `<p>${html(tuned)}</p>\n<div class="scroll" tabindex="0"><table><thead><tr><td></td>${head}</tr></thead><tbody>\n${rows.join("\n")}\n</tbody></table></div>${failures}`,
  };
}
