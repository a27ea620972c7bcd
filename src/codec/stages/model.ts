/**
 * Which of sixteen tables codes a symbol: four classes of what is above it times four of what is left of it, in the
 * symbols of its own lane.
 *
 *   area = ul + 2·u + ur, each at most 63      class = how many of three thresholds it exceeds
 *        l   s
 */
import { escapeSymbol } from "./rans.js";

export interface Plan {
  /** One of predict.ts's lanePredictors. */
  predictor: number;
  /** Low bits of an integer that are kept as they are. */
  low: number;
  /** Zero is no integer of its own: those above it move down by one, and zeros escape. */
  gapless: boolean;
  /** Ascending, each 0 … 255. */
  area: number[];
  left: number[];
}

const most = 63;

/** Thresholds for symbols of the given mean; the factors were tuned on activations and are no part of the format. */
export function thresholdsFor(mean: number): Pick<Plan, "area" | "left"> {
  const scaled = (factor: number) => Math.min(255, Math.floor(factor * mean));
  return { area: [1, 2.8, 6].map(scaled), left: [0.2, 0.7, 1.7].map(scaled) };
}

const classOf = (value: number, thresholds: number[]): number =>
  Number(value > thresholds[0]!) + Number(value > thresholds[1]!) + Number(value > thresholds[2]!);

/** `row` and `above`: a row of eight lanes' coded symbols, lane by lane within each column; `above` is all 0 at first. */
export function contextOf(row: Uint8Array, above: Uint8Array, i: number, { area, left }: Plan): number {
  const at = (j: number) => Math.min(most, above[j] ?? 0);
  const sum = at(i - 8) + 2 * at(i) + at(i + 8);
  return 4 * classOf(sum, area) + classOf(i >= 8 ? row[i - 8]! : 0, left);
}

/** Zero is symbol 0; other integers count from 1 without their low bits. proofs: Rans.divided */
export const symbolOf = (z: number, low: number): number => (z === 0 ? 0 : 1 + ((z - 1) >>> low));

export const codedOf = (symbol: number, top: number): number => (symbol > top ? escapeSymbol : symbol);
