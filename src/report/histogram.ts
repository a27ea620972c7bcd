/** A histogram of standardised gradient errors, small enough to put into a page whatever the number of weights. */

/** In units of the predicted σ: bins cover −extent … extent, what lies outside is counted apart. */
export const extent = 5;

export interface Histogram {
  /** Sample size. */
  n: number;
  /** Mean and standard deviation; the law predicts 0 and 1. */
  mean: number;
  deviation: number;
  binWidth: number;
  /** Counts of equal bins from −extent on. */
  counts: number[];
  /** Values outside. */
  outside: number;
}

/** Counts the finite values. The bins grow wider for small samples, so that noise in a count does not drown the shape. */
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
