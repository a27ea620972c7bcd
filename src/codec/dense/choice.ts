/**
 * How dense mode chooses its model and tables: it takes the ones of least cost on a sample of the tensor's strips. The kernel
 * that counts the sample's symbols has two implementations (`tally` in segment.ts, and assembly/codec/dense.ts).
 */
import type { Quantization } from "../bound.js";
import { inHalves } from "../stages/predict.js";
import { contexts, costOf, escapeSymbol, symbols, tablesOf } from "../stages/rans.js";
import { heightOf, type Layout, lanes } from "./layout.js";
import { type DenseModel, mostLow, thresholdsFor } from "./model.js";
import { FrameTables } from "./tables.js";

/** The largest mean of folded residuals at which models in half steps are tried. */
const mostHalved = 8;
/** Above it, a bin's inverse is no longer as exact as the proof of the bound needs. */
const largestHalved = 2 ** 98;
/** Values in the sample that chooses, and in the one that counts. */
const choosing = 8192;
const counting = 65536;
/** Of symbols that have no code, in the sample that counts; a segment bears four times as many. */
const mostLargeShare = 1 / 64;
/** Predictors whose mean residual is more than this many times the least are not tried. */
const hopeless = 8;

/** Rows of a strip, of all its lanes. */
export interface Rows {
  strip: number;
  y0: number;
  rows: number;
}

/** Σ z of rows under a model, or −1 for too many raw values. Counts, if given, become those of [context][symbol]. */
export type Tally = (counts: Uint32Array | null, sample: Rows[], model: DenseModel) => number;

/** A few rows each of strips all over the tensor, somewhere within them: channels differ more than rows do. */
function sampleOf(layout: Layout, values: number, mostStrips: number): Rows[] {
  const count = Math.min(layout.strips, mostStrips);
  const wanted = Math.ceil(values / (count * lanes * layout.width));
  return Array.from({ length: count }, (_, i) => {
    const strip = Math.floor(((2 * i + 1) * layout.strips) / (2 * count));
    const height = heightOf(layout, strip);
    // One more row than is counted, as what is above; low-discrepancy places within the strip.
    const rows = Math.min(height, wanted + 1);
    const y0 = Math.floor((height - rows + 1) * ((i * 0.6180339887498949) % 1));
    return { strip, y0, rows };
  });
}

/** Thresholds that put every symbol into one table. */
const undivided = { area: [255, 255, 255], left: [255, 255, 255] };

function sumOf(counts: Uint32Array): number {
  let sum = 0;
  for (let i = 0; i < counts.length; i++) sum += counts[i]!;
  return sum;
}

function tableBits(counts: Uint32Array): number {
  let kinds = 0;
  for (let i = 0; i < counts.length; i++) if (counts[i]! > 0) kinds++;
  return 6 * kinds;
}

/** The values of a sample that count. */
function valuesIn(sample: Rows[], { width }: Layout): number {
  return sample.reduce((sum, { y0, rows }) => sum + lanes * width * (y0 > 0 ? rows - 1 : rows), 0);
}

/** A model for residuals of this mean, and its bits on the sample. */
function trial(tallyOf: Tally, sample: Rows[], { model: first, mean }: Candidate, values: number) {
  let low = 0;
  while (mean >= 16 * 2 ** low && low < mostLow) low++;
  const model: DenseModel = { ...first, low, ...thresholdsFor(mean / 2 ** low) };
  const counts = new Uint32Array(contexts * symbols);
  tallyOf(counts, sample, model);
  let zeros = 0;
  for (let c = 0; c < contexts; c++) zeros += counts[c * symbols]!;
  return { model, counts, cost: costOf(counts) + low * (values - zeros) };
}

/** A predictor in a model of one table, and the mean of its folded residuals. */
interface Candidate {
  model: DenseModel;
  mean: number;
}

/** Where the integer 0 is for exact zeros and there are next to none, it is better left out. */
function isGapless(tallyOf: Tally, sample: Rows[], quantization: Quantization): boolean {
  if (!leavesZeroOut(quantization)) return false;
  const model: DenseModel = { predictor: 0, gapless: false, low: 0, ...undivided };
  const counts = new Uint32Array(contexts * symbols);
  tallyOf(counts, sample, model);
  // Folded, 1 and 3 are −1 and −2: without negative values there is no gap to close.
  return counts[0]! * 2048 < sumOf(counts) && counts[1]! + counts[3]! > 0;
}

function largeShare(counts: Uint32Array): number {
  let large = 0;
  for (let c = 0; c < contexts; c++) large += counts[c * symbols + escapeSymbol]!;
  return large / sumOf(counts);
}

export interface Choice {
  model: DenseModel;
  tables: FrameTables;
}

/** Nothing checks values in half steps (docs/format.md), so they are for bins and bounds that the proof covers. */
const halvable = ({ quantizer, positive }: Quantization): boolean =>
  quantizer === "paper" && positive.bound < largestHalved;

/** Whether what was chosen for one tensor may serve another. */
export const suits = ({ model }: Choice, quantization: Quantization): boolean =>
  (halvable(quantization) || !inHalves(model.predictor)) && (leavesZeroOut(quantization) || !model.gapless);

/** Whether the integer 0 is for exact zeros alone. */
const leavesZeroOut = ({ quantizer }: Quantization): boolean =>
  quantizer !== "lossless" && quantizer !== "paper";

/**
 * The model of least cost and its tables; null where dense mode does not suit, or where `pays`, asked about the bytes that
 * the first sample foretells, says no.
 */
export function choose(
  tallyOf: Tally,
  layout: Layout,
  quantization: Quantization,
  pays: (bytes: number) => boolean,
): Choice | null {
  // Of wide rows, fewer.
  const few = sampleOf(layout, choosing, Math.min(24, Math.ceil((3 * choosing) / (lanes * layout.width))));
  const values = valuesIn(few, layout);
  const gapless = isGapless(tallyOf, few, quantization);
  const candidates: Candidate[] = [];
  const consider = (predictor: number, model: DenseModel) => {
    const sum = tallyOf(null, few, { ...model, predictor });
    if (sum >= 0) candidates.push({ model: { ...model, predictor }, mean: sum / values });
    return sum >= 0;
  };
  const first: DenseModel = { predictor: 0, gapless, low: 0, ...undivided };
  for (const predictor of layout.flat ? [0, 1] : [0, 2, 3, 4]) {
    if (!consider(predictor, first)) return null;
  }
  // Half steps keep flat regions flat: they pay where most residuals are small.
  const least = Math.min(...candidates.map(({ mean }) => mean));
  if (!layout.flat && halvable(quantization) && least < mostHalved) {
    for (const predictor of [5, 6]) consider(predictor, { ...first, gapless: false });
  }
  const hopeful = candidates.filter(({ mean }) => mean <= hopeless * least);
  const trials = hopeful.map((candidate) => trial(tallyOf, few, candidate, values));
  const {
    model: best,
    counts,
    cost,
  } = trials.reduce((best, found) => (found.cost < best.cost ? found : best));
  if (!pays(((cost / values) * layout.length) / 8)) return null;
  const many = sampleOf(layout, counting, 96);
  // Where some channels' residuals are far above the mean, more bits are low: a segment bears few symbols that have no code.
  let model = best;
  for (;;) {
    if (tallyOf(counts, many, model) < 0) return null;
    if (model.low === mostLow || largeShare(counts) <= mostLargeShare) break;
    model = { ...model, low: model.low + 1 };
  }
  // Sixteen tables pay only where there is enough to code with them.
  const single = new Uint32Array(contexts * symbols);
  for (let i = 0; i < counts.length; i++) single[i % symbols]! += counts[i]!;
  const scale = layout.length / sumOf(counts);
  const divided = costOf(counts) * scale + tableBits(counts);
  const together = costOf(single) * scale + tableBits(single);
  return together < divided
    ? { model: { ...model, ...undivided }, tables: new FrameTables(tablesOf(single)) }
    : { model, tables: new FrameTables(tablesOf(counts)) };
}

/**
 * The cost model of `auto`: both ways together, a dense value costs about 2 ns more than a fast one, which is worth it
 * when two fifths of the bytes go. `fastBytes`: what some values in a row take in fast mode; two runs of 4096 are asked.
 */
export function paysOff(
  bytes: number,
  length: number,
  fastBytes: (first: number, values: number) => number,
): boolean {
  const run = Math.min(length, 4096);
  const middle = Math.floor((length - run) / 2);
  const fast = (fastBytes(0, run) + fastBytes(middle, run)) / (2 * run);
  return bytes * 5 < fast * length * 3;
}
