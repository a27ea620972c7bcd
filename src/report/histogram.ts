/** A histogram of standardised gradient errors, small enough for a page whatever the number of weights. */

/** The bins cover −extent … extent, in units of the predicted σ; values outside are counted separately. */
export const extent = 5;

export interface Histogram {
  /** Sample size. */
  n: number;
  /** Mean and standard deviation; the law predicts 0 and 1. */
  mean: number;
  deviation: number;
  binWidth: number;
  /** Counts of equal bins, starting at −extent. */
  counts: number[];
  /** Number of values outside the bins. */
  outside: number;
}

/**
 * Counts the finite values. Small samples get wider bins, so that noise in the counts does not hide the
 * shape.
 */
export function histogram(samples: Iterable<number>): Histogram {
  const values = [...samples].filter(Number.isFinite);
  const n = values.length;
  const bins = n >= 20_000 ? 100 : n >= 2_000 ? 50 : 25;
  const binWidth = (2 * extent) / bins;
  const counts = new Array<number>(bins).fill(0);
  let [sum, squares, outside] = [0, 0, 0];
  for (const value of values) {
    sum += value;
    squares += value * value;
    const bin = Math.floor((value + extent) / binWidth);
    if (bin >= 0 && bin < bins) counts[bin]!++;
    else outside++;
  }
  const mean = n > 0 ? sum / n : 0;
  const deviation = n > 0 ? Math.sqrt(Math.max(0, squares / n - mean * mean)) : 0;
  return { n, mean, deviation, binWidth, counts, outside };
}
