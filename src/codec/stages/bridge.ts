/**
 * Prediction across holes (see mask.ts). A hole gets the integer that is predicted for it, and so no residual. When the
 * integers on both sides of it are known, a hole is filled anew, because the rows below are predicted from it.
 *
 *   2  [3]  [3]  8   →   2  [3]  [5]  8   →   2  [3]  [5]  8        for the holes in brackets
 *
 * proofs: Mask.bridge_back (for any filling that both sides know)
 */
import { type Bits, guess, type Predictor, wrap } from "./predict.js";

/** Predicts the integers of a chunk that are no holes, and returns their residuals. Changes the integers of holes. */
export function bridge(
  q: Int32Array,
  holes: Uint8Array,
  predictor: Predictor,
  lag: number,
  bits: Bits,
): Int32Array {
  const residuals: number[] = [];
  for (let i = 0; i < q.length; i++) {
    const guessed = guess(q, i, predictor, lag);
    if (holes[i] === 1) q[i] = wrap(guessed, bits);
    else {
      residuals.push(wrap(q[i]! - guessed, bits));
      refillBefore(q, i, holes, predictor, bits);
    }
  }
  return Int32Array.from(residuals);
}

/** The inverse of bridge. */
export function unbridge(
  q: Int32Array,
  residuals: Int32Array,
  holes: Uint8Array,
  predictor: Predictor,
  lag: number,
  bits: Bits,
): void {
  let next = 0;
  for (let i = 0; i < q.length; i++) {
    const guessed = guess(q, i, predictor, lag);
    q[i] = wrap(holes[i] === 1 ? guessed : residuals[next++]! + guessed, bits);
    if (holes[i] === 0) refillBefore(q, i, holes, predictor, bits);
  }
}

const mean = (a: number, b: number, bits: Bits): number => wrap(a + b, bits) >> 1;

/** Fills the holes before q[end] anew, from the last to the first. Predictors that use no value above do not need it. */
function refillBefore(q: Int32Array, end: number, holes: Uint8Array, predictor: Predictor, bits: Bits): void {
  if (predictor < 2) return;
  for (let i = end - 1; i >= 0 && holes[i] === 1; i--) {
    q[i] = i === 0 ? q[1]! : mean(q[i - 1]!, q[i + 1]!, bits);
  }
}

/** Fills the holes of a row of a lane anew, from the last to the first, but not the row's last value. */
export function refillRow(q: Int32Array, start: number, width: number, isHole: (i: number) => boolean): void {
  for (let x = width - 2; x >= 0; x--) {
    const i = start + x;
    if (isHole(i)) q[i] = x === 0 ? q[i + 1]! : mean(q[i - 1]!, q[i + 1]!, 16);
  }
}
