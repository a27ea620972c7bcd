/** Statistics of a few runs, and of many errors. */

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** The middle value, or the mean of the middle two; NaN for none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1]! + sorted[sorted.length >> 1]!) / 2;
}

/** Standard deviation with n − 1; null for fewer than two values. */
export function deviation(values: readonly number[]): number | null {
  if (values.length < 2) return null;
  const middle = mean(values);
  const squares = values.reduce((sum, value) => sum + (value - middle) ** 2, 0);
  return Math.sqrt(squares / (values.length - 1));
}

export interface Difference {
  mean: number;
  /** Standard error; null where one pair, or one value of a side, tells none. */
  error: number | null;
  /** The 95 % interval of the mean by Student's t; null without an error. */
  interval: readonly [number, number] | null;
  /** The number of seeds that both sides have; 0 if the sides were not paired. */
  pairs: number;
}

/** A value for each seed. */
export type BySeed = ReadonlyMap<number, number>;

/**
 * b − a. Runs of one seed begin with the same weights and see the same batches, so they are paired, and the standard error
 * is that of the differences of pairs; other seeds do not count then. Without common seeds it is the difference of two means.
 */
export function difference(a: BySeed, b: BySeed): Difference {
  const common = [...a.keys()].filter((seed) => b.has(seed));
  if (common.length > 0) {
    const differences = common.map((seed) => b.get(seed)! - a.get(seed)!);
    const spread = deviation(differences);
    const error = spread === null ? null : spread / Math.sqrt(differences.length);
    return withInterval(mean(differences), error, common.length - 1, common.length);
  }
  const [first, second] = [[...a.values()], [...b.values()]];
  const [sdA, sdB] = [deviation(first), deviation(second)];
  const error =
    sdA === null || sdB === null ? null : Math.sqrt(sdA ** 2 / first.length + sdB ** 2 / second.length);
  // Welch's degrees of freedom are never fewer than those of the smaller side.
  const freedom = Math.min(first.length, second.length) - 1;
  return withInterval(mean(second) - mean(first), error, freedom, 0);
}

function withInterval(middle: number, error: number | null, freedom: number, pairs: number): Difference {
  const half = error === null ? null : studentQuantile(freedom) * error;
  return { mean: middle, error, interval: half === null ? null : [middle - half, middle + half], pairs };
}

/** The 97.5 % quantiles of Student's t with 1, 2, … 10 degrees of freedom. */
const quantiles = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228];

/** The 97.5 % quantile; above ten degrees of freedom by the first terms of its series around the normal quantile. */
export function studentQuantile(freedom: number): number {
  const known = quantiles[freedom - 1];
  if (known !== undefined) return known;
  const z = 1.959964;
  return z + (z ** 3 + z) / (4 * freedom) + (5 * z ** 5 + 16 * z ** 3 + 3 * z) / (96 * freedom ** 2);
}

/** The standard normal distribution, by Abramowitz and Stegun 7.1.26: off by 1.5·10⁻⁷ at most. */
export function normalDistribution(z: number): number {
  const x = Math.abs(z) / Math.SQRT2;
  const t = 1 / (1 + 0.3275911 * x);
  const polynomial =
    t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  const erf = 1 - polynomial * Math.exp(-x * x);
  return z < 0 ? (1 - erf) / 2 : (1 + erf) / 2;
}

export interface Normality {
  values: number;
  /** The mean, and the standard deviation around 0: 0 and 1 if the prediction is right. */
  mean: number;
  deviation: number;
  /** 0 for a normal distribution. */
  excessKurtosis: number;
  /** Kolmogorov's distance from the standard normal distribution, and √n times it. */
  distance: number;
  scaled: number;
}

/**
 * Errors in units of their predicted σ against the standard normal distribution, without any fitted parameter. `scaled`
 * exceeds 1.36 in one of twenty samples of independent normal values, and 1.63 in one of a hundred.
 */
export function normality(standardized: readonly number[]): Normality {
  const n = standardized.length;
  const sorted = [...standardized].sort((a, b) => a - b);
  const middle = mean(sorted);
  const square = mean(sorted.map((z) => z * z));
  const central = (power: number) => mean(sorted.map((z) => (z - middle) ** power));
  const distance = sorted.reduce((largest, z, i) => {
    const expected = normalDistribution(z);
    return Math.max(largest, Math.abs(expected - i / n), Math.abs((i + 1) / n - expected));
  }, 0);
  return {
    values: n,
    mean: middle,
    deviation: Math.sqrt(square),
    excessKurtosis: central(4) / central(2) ** 2 - 3,
    distance,
    scaled: distance * Math.sqrt(n),
  };
}
