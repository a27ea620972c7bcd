/**
 * How dense mode chooses its model and tables: it takes the ones of least cost on a sample of the tensor's strips. The kernel
 * that counts the sample's symbols has two implementations (`tally` in segment.ts, and assembly/codec/dense.ts).
 */
import type { Quantization } from "../bound.js";
import { inHalves } from "../stages/predict.js";
import { contexts, costOf, escapeSymbol, symbols, tablesOf } from "../stages/rans.js";
import { heightOf, type Layout, lanes } from "./layout.js";
import { type DenseModel, firstDivided, mostLow, thresholdsFor } from "./model.js";
import { FrameTables } from "./tables.js";

/** Plans in half steps are tried only if the mean of the folded residuals is at most this. */
const mostHalved = 8;
/** Zeros are tried apart only if the mean of the folded residuals is at least this. */
const leastApart = 2;
/** For larger bounds the bin's inverse is less exact than the proof of the bound requires. */
const largestHalved = 2 ** 98;
/** Sizes, in values, of the sample that chooses the predictor and of the sample that counts symbols. */
const choosing = 8192;
const counting = 65536;
/**
 * Limit on the share of symbols without a code in the counting sample. A segment can hold four times as many.
 */
const mostLargeShare = 1 / 64;
/** A predictor is dropped if its mean residual is more than this many times the least. */
const hopeless = 8;

/** A range of rows in a strip, taken in all eight lanes. */
export interface Rows {
  strip: number;
  y0: number;
  rows: number;
}

/**
 * Returns the sum of the folded residuals z of some rows under a model, or −1 if too many values stay raw. If
 * `counts` is given, it is filled with the counts [context][symbol].
 */
export type Tally = (counts: Uint32Array | null, sample: Rows[], model: DenseModel) => number;

/**
 * Takes a few rows from strips spread over the whole tensor, because channels differ more than rows do. The
 * rows start at different heights of their strips.
 */
function sampleOf(layout: Layout, values: number, mostStrips: number): Rows[] {
  const count = Math.min(layout.strips, mostStrips);
  const wanted = Math.ceil(values / (count * lanes * layout.width));
  return Array.from({ length: count }, (_, i) => {
    const strip = Math.floor(((2 * i + 1) * layout.strips) / (2 * count));
    const height = heightOf(layout, strip);
    // One row more than is counted: it only serves as the row above. The golden-ratio sequence spreads the
    // heights.
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

/** The number of values in a sample that are counted. */
function valuesIn(sample: Rows[], { width }: Layout): number {
  return sample.reduce((sum, { y0, rows }) => sum + lanes * width * (y0 > 0 ? rows - 1 : rows), 0);
}

/**
 * Sets the low bits and thresholds of a model for residuals of this mean, and returns its cost in bits on the
 * sample.
 */
function trial(tallyOf: Tally, sample: Rows[], { model: first, mean }: Candidate, values: number) {
  let low = 0;
  while (mean >= 16 * 2 ** low && low < mostLow) low++;
  const model: DenseModel = { ...first, low, ...thresholdsFor(mean / 2 ** low) };
  const counts = new Uint32Array(contexts * symbols);
  tallyOf(counts, sample, model);
  let whole = 0;
  const divided = firstDivided(model.predictor);
  for (let c = 0; c < contexts; c++) for (let s = 0; s < divided; s++) whole += counts[c * symbols + s]!;
  const holes = values - sumOf(counts);
  return { model, counts, cost: costOf(counts) + low * (values - holes - whole), holes };
}

/** Predictors differ in which integers fit. One that does not takes about this many bits. */
const holeBits = 40;

const costWithHoles = ({ cost, holes }: { cost: number; holes: number }): number => cost + holeBits * holes;

/** A predictor in a model with one table, and the mean of its folded residuals. */
interface Candidate {
  model: DenseModel;
  mean: number;
}

/**
 * True if the integer 0 is for exact zeros only and the sample has next to none, so that leaving it out pays.
 */
function isGapless(tallyOf: Tally, sample: Rows[], quantization: Quantization): boolean {
  if (!leavesZeroOut(quantization)) return false;
  const model: DenseModel = { predictor: 0, gapless: false, low: 0, ...undivided };
  const counts = new Uint32Array(contexts * symbols);
  tallyOf(counts, sample, model);
  // Folded values 1 and 3 are −1 and −2. Without negative values there is no gap to close.
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

/**
 * Values in half steps are not checked against the bound (docs/format.md), so this allows only the bins and
 * bounds that the proof covers.
 */
const halvable = ({ quantizer, positive }: Quantization): boolean =>
  quantizer === "paper" && positive.bound < largestHalved;

/** True if the model and tables chosen for one tensor may code another with this quantization. */
export const suits = ({ model }: Choice, quantization: Quantization): boolean =>
  (halvable(quantization) || !inHalves(model.predictor)) && (leavesZeroOut(quantization) || !model.gapless);

/** True if the integer 0 is for exact zeros only. */
const leavesZeroOut = ({ quantizer }: Quantization): boolean =>
  quantizer !== "lossless" && quantizer !== "paper";

/** Where the predictor of least residuals costs this many times what dense mode may cost, the others are not tried. */
const beyond = 9 / 8;
/** All are tried where the mean of the folded residuals is below this: small residuals may then cost more than many zeros. */
const leastTelling = 1;

/**
 * Chooses the model with the least cost, and its tables. Returns null where dense mode does not suit. Also
 * returns null if the first sample predicts a size of `limit()` bytes or more.
 */
export function choose(
  tallyOf: Tally,
  layout: Layout,
  quantization: Quantization,
  limit: () => number,
): Choice | null {
  // Sample fewer strips when rows are wide.
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
  // It pays where zeros lie beside values that are far from them: a ReLU's zeros under a fine bound.
  const far = Math.min(...candidates.map(({ mean }) => mean)) >= leastApart;
  if (!layout.flat && !gapless && far) consider(7, first);
  // Half steps keep flat regions flat. They pay where most residuals are small.
  const least = Math.min(...candidates.map(({ mean }) => mean));
  if (!layout.flat && halvable(quantization) && least < mostHalved) {
    for (const predictor of [5, 6]) consider(predictor, { ...first, gapless: false });
  }
  const hopeful = candidates.filter(({ mean }) => mean <= hopeless * least).sort((a, b) => a.mean - b.mean);
  const trials: ReturnType<typeof trial>[] = [];
  const mostBits = (8 * limit() * values) / layout.length;
  for (const candidate of hopeful) {
    trials.push(trial(tallyOf, few, candidate, values));
    if (least >= leastTelling && trials[0]!.cost > beyond * mostBits) return null;
  }
  const {
    model: best,
    counts,
    cost,
  } = trials.reduce((best, found) => (costWithHoles(found) < costWithHoles(best) ? found : best));
  if (!(cost < mostBits)) return null;
  const many = sampleOf(layout, counting, 96);
  // If the residuals of some channels are far above the mean, code more bits as low bits: a segment has room
  // for few symbols without a code.
  let model = best;
  for (;;) {
    if (tallyOf(counts, many, model) < 0) return null;
    if (model.low === mostLow || largeShare(counts) <= mostLargeShare) break;
    model = { ...model, low: model.low + 1 };
  }
  // Sixteen tables pay only if there are enough symbols to make up for their size.
  const single = new Uint32Array(contexts * symbols);
  for (let i = 0; i < counts.length; i++) single[i % symbols]! += counts[i]!;
  const scale = layout.length / sumOf(counts);
  const divided = costOf(counts) * scale + tableBits(counts);
  const together = costOf(single) * scale + tableBits(single);
  return together < divided
    ? { model: { ...model, ...undivided }, tables: new FrameTables(tablesOf(single)) }
    : { model, tables: new FrameTables(tablesOf(counts)) };
}

/** The part of fast mode's bytes that dense mode must save to be chosen by `auto`, unless a caller knows better. */
export const usualSaving = 2 / 5;

/**
 * The bytes below which `auto` decides for dense mode. Encoding and decoding together, a dense value costs about 2 ns more
 * than a fast one; that is worth it when dense mode saves a part `saving` of the bytes. `fastBytes` returns the size in fast
 * mode of `values` values from `first` on; it is called for two runs of 4096 values.
 */
export function mostBytes(
  length: number,
  fastBytes: (first: number, values: number) => number,
  saving = usualSaving,
): number {
  const run = Math.min(length, 4096);
  const middle = Math.floor((length - run) / 2);
  const fast = (fastBytes(0, run) + fastBytes(middle, run)) / (2 * run);
  return (1 - saving) * fast * length;
}
