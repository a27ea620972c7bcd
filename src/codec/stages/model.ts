/**
 * Chooses which of sixteen tables codes a symbol: four classes of the symbols above it times four classes of
 * the symbol left of it, all within its own lane.
 *
 *   area = ul + 2·u + ur, each at most 63      class = how many of three thresholds it exceeds
 *        l   s
 */
import { escapeSymbol } from "./rans.js";

export interface Plan {
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
export function thresholdsFor(mean: number): Pick<Plan, "area" | "left"> {
  const scaled = (factor: number) => Math.min(255, Math.floor(factor * mean));
  return { area: [1, 2.8, 6].map(scaled), left: [0.2, 0.7, 1.7].map(scaled) };
}

const classOf = (value: number, thresholds: number[]): number =>
  Number(value > thresholds[0]!) + Number(value > thresholds[1]!) + Number(value > thresholds[2]!);

/**
 * `row` and `above` hold a row of coded symbols, the eight lanes of each column together; the first `above`
 * is all 0.
 */
export function contextOf(row: Uint8Array, above: Uint8Array, i: number, { area, left }: Plan): number {
  const at = (j: number) => Math.min(most, above[j] ?? 0);
  const sum = at(i - 8) + 2 * at(i) + at(i + 8);
  return 4 * classOf(sum, area) + classOf(i >= 8 ? row[i - 8]! : 0, left);
}

/** Symbol of an integer: 0 for zero, else 1 + (z − 1) without its low bits. proofs: Rans.divided */
export const symbolOf = (z: number, low: number): number => (z === 0 ? 0 : 1 + ((z - 1) >>> low));

export const codedOf = (symbol: number, top: number): number => (symbol > top ? escapeSymbol : symbol);
