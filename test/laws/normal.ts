/** Tests whether a sample is normal. */

export function moments(sample: Float64Array): { mean: number; sigma: number } {
  const mean = sample.reduce((sum, e) => sum + e, 0) / sample.length;
  const sigma = Math.sqrt(sample.reduce((sum, e) => sum + (e - mean) ** 2, 0) / (sample.length - 1));
  return { mean, sigma };
}

/** The normal distribution function, to 1e-7 (Abramowitz and Stegun 7.1.26). */
function normalShare(z: number): number {
  const t = 1 / (1 + (0.3275911 * Math.abs(z)) / Math.SQRT2);
  const series =
    t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  const tail = 0.5 * series * Math.exp((-z * z) / 2);
  return z < 0 ? tail : 1 - tail;
}

/** Kolmogorov's √n·D between sorted, standardised values and the normal distribution. */
export function kolmogorov(sorted: Float64Array): number {
  const n = sorted.length;
  let worst = 0;
  for (let i = 0; i < n; i++) {
    const share = normalShare(sorted[i]!);
    worst = Math.max(worst, share - i / n, (i + 1) / n - share);
  }
  return Math.sqrt(n) * worst;
}

/** kolmogorov with the sample's own mean and σ. */
export function lilliefors(sample: Float64Array): number {
  const { mean, sigma } = moments(sample);
  return kolmogorov(sample.map((e) => (e - mean) / sigma).sort());
}
