/**
 * Predicts integers from their neighbours and keeps the small differences, and the inverse. A chunk is one
 * flat sequence. `lag` is the distance to the value above (usually the row length); values before the chunk
 * count as 0.
 *
 *   none     r[i] = q[i]                       left     r[i] = q[i] − q[i−1]
 *   up       r[i] = q[i] − q[i−lag]            lorenzo  r[i] = q[i] − q[i−1] − q[i−lag] + q[i−lag−1]
 *
 * All arithmetic wraps at 16 or 32 bits, so that every residual has an inverse. zigzag folds signed integers
 * to unsigned ones: 0, −1, 1, −2, … → 0, 1, 2, 3, …
 *
 * proofs: Predict.restore_predict (for any causal guess), Predict.scan_predict, Predict.unzigzag_zigzag
 */
export const predictors = ["none", "left", "up", "lorenzo"] as const;
export type Predictor = 0 | 1 | 2 | 3;

export type Bits = 16 | 32;

export const wrap = (value: number, bits: Bits): number => (bits === 16 ? (value << 16) >> 16 : value | 0);

export function zigzag(r: number, bits: Bits): number {
  const folded = (r << 1) ^ (r >> (bits - 1));
  return bits === 16 ? folded & 0xffff : folded >>> 0;
}

export const unzigzag = (u: number): number => (u >>> 1) ^ -(u & 1);

export function predict(r: Int32Array, q: Int32Array, predictor: Predictor, lag: number, bits: Bits): void {
  for (let i = 0; i < q.length; i++) r[i] = wrap(q[i]! - guess(q, i, predictor, lag), bits);
}

/** What a predictor expects for q[i]. */
export function guess(q: Int32Array, i: number, predictor: Predictor, lag: number): number {
  const at = (j: number) => (j < 0 ? 0 : q[j]!);
  const left = predictor & 1 ? at(i - 1) : 0;
  const up = predictor & 2 ? at(i - lag) : 0;
  const corner = predictor === 3 ? at(i - lag - 1) : 0;
  return left + up - corner;
}

/** The inverse of predict. q and r may be the same array. */
export function restore(q: Int32Array, r: Int32Array, predictor: Predictor, lag: number, bits: Bits): void {
  let sum = 0;
  for (let i = 0; i < r.length; i++) {
    sum = predictor & 1 ? wrap(sum + r[i]!, bits) : r[i]!;
    const up = predictor & 2 && i >= lag ? q[i - lag]! : 0;
    q[i] = wrap(sum + up, bits);
  }
}

/**
 * Dense mode predicts within a lane of rows; the first row has a left neighbour only. The last two predictors
 * work on integers that count half steps and leave a residual in whole steps: see quantize.ts.
 */
export const lanePredictors = [
  "none",
  "left",
  "up",
  "median",
  "smooth",
  "smooth halves",
  "wide halves",
  "median, zeros apart",
] as const;

/** True for predictors in half steps. proofs: Predict.chosen_beside, Predict.halves_back */
export const inHalves = (predictor: number): boolean => predictor === 5 || predictor === 6;

/** True for the predictor under which the integer 0 has a residual of its own: see `apart`. */
export const zerosApart = (predictor: number): boolean => predictor === 7;

/** The folded residual z of an integer, with 1 for an integer 0 that was not expected. proofs: Predict.apart_back */
export const apart = (z: number, integer: number): number => (z === 0 ? 0 : integer === 0 ? 1 : z + 1);

/**
 * The value that dense mode predicts for q[i], in 16-bit arithmetic; x = i mod width. Beyond the left end of
 * a row, neighbours take the value above the row's first one; beyond the right end, the row's last one above.
 *
 *   corner c | up u | ur | urr      median  the middle one of l, u and l + u − c
 *   ll l     | q[i]                 smooth  halfway between the median and (l + u)/2
 *                                   wide    (2·l + ll + 2·u + 2·ur + urr + 3)/8
 */
export function expect(q: Int32Array, i: number, width: number, predictor: number): number {
  if (predictor === 0 || i === 0) return 0;
  const x = i % width;
  const up = i >= width ? q[i - width]! : q[i - 1]!;
  const left = x > 0 ? q[i - 1]! : up;
  const corner = i >= width && x > 0 ? q[i - width - 1]! : up;
  if (predictor === 1) return left;
  if (predictor === 2) return up;
  if (predictor === 6) {
    const above = (k: number) => (i >= width ? q[i - width + Math.min(k, width - 1 - x)]! : up);
    const before = x > 1 ? q[i - 2]! : i >= width ? q[i - x - width]! : 0;
    return wrap(2 * (left + up + above(1)) + before + above(2) + 3, 16) >> 3;
  }
  const plane = wrap(wrap(left + up, 16) - corner, 16);
  const median = Math.max(Math.min(left, up), Math.min(Math.max(left, up), plane));
  if (predictor === 3 || predictor === 7) return median;
  return wrap(median + (wrap(left + up, 16) >> 1), 16) >> 1;
}
