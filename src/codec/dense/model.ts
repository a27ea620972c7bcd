/**
 * Dense mode's model of a tensor: the predictor, the low bits that are kept aside, and which of sixteen tables codes a symbol.
 * The tables belong to four classes of the symbols above times four classes of the symbol on the left, in the same lane.
 *
 *   area = ul + 2·u + ur, each at most 63      class = how many of three thresholds it exceeds
 *        l   s
 */
import { FrameError } from "../../error.js";
import type { Quantization } from "../bound.js";
import type { ByteReader, ByteWriter } from "../bytes.js";
import { inHalves, lanePredictors, zerosApart } from "../stages/predict.js";
import { escapeSymbol } from "../stages/rans.js";

/** A model keeps at most this many low bits. */
export const mostLow = 8;

export interface DenseModel {
  /** Index into lanePredictors of predict.ts. */
  predictor: number;
  /** Number of low bits of an integer that are stored without coding. */
  low: number;
  /** True if zeros escape; the integers above 0 then move down by one. */
  gapless: boolean;
  /** Ascending, each 0 … 255. */
  area: number[];
  left: number[];
}

const most = 63;

/**
 * Thresholds for symbols of the given mean. The factors were tuned on activations and are not part of the
 * format.
 */
export function thresholdsFor(mean: number): Pick<DenseModel, "area" | "left"> {
  const scaled = (factor: number) => Math.min(255, Math.floor(factor * mean));
  return { area: [1, 2.8, 6].map(scaled), left: [0.2, 0.7, 1.7].map(scaled) };
}

const classOf = (value: number, thresholds: number[]): number =>
  Number(value > thresholds[0]!) + Number(value > thresholds[1]!) + Number(value > thresholds[2]!);

/**
 * `row` and `above` hold a row of coded symbols, the eight lanes of each column together; the first `above`
 * is all 0.
 */
export function contextOf(row: Uint8Array, above: Uint8Array, i: number, { area, left }: DenseModel): number {
  const at = (j: number) => Math.min(most, above[j] ?? 0);
  const sum = at(i - 8) + 2 * at(i) + at(i + 8);
  return 4 * classOf(sum, area) + classOf(i >= 8 ? row[i - 8]! : 0, left);
}

/** The least folded residual that has low bits: those below are symbols as they are. */
export const firstDivided = (predictor: number): number => (zerosApart(predictor) ? 2 : 1);

/** Symbol of a folded residual: z itself below `first`, else first + (z − first) without its low bits. proofs: Rans.divided */
export const symbolOf = (z: number, low: number, first = 1): number =>
  z < first ? z : first + ((z - first) >>> low);

export const codedOf = (symbol: number, top: number): number => (symbol > top ? escapeSymbol : symbol);

/** The bytes of a model in a frame. */
export const modelBytes = 7;

export function writeModel(out: ByteWriter, { predictor, gapless, low, area, left }: DenseModel): void {
  out.u8(predictor | (gapless ? 8 : 0) | (low << 4));
  for (const threshold of [...area, ...left]) out.u8(threshold);
}

export function readModel(input: ByteReader, { quantizer, second }: Quantization): DenseModel {
  const byte = input.u8("model");
  const model = {
    predictor: byte & 7,
    gapless: (byte & 8) !== 0,
    low: byte >> 4,
    area: [0, 0, 0],
    left: [0, 0, 0],
  };
  const known =
    model.predictor < lanePredictors.length &&
    (quantizer === "paper" || !inHalves(model.predictor)) &&
    (second === true || !zerosApart(model.predictor));
  if (!known || model.low > mostLow) {
    throw new FrameError({
      where: "model",
      expected: `a predictor of ${quantizer} and at most ${mostLow} low bits`,
      got: `predictor ${model.predictor} and ${model.low}`,
      remedy: "encode the tensor again: these bytes are damaged",
    });
  }
  for (const thresholds of [model.area, model.left]) {
    for (let k = 0; k < 3; k++) thresholds[k] = input.u8("model");
  }
  return model;
}
