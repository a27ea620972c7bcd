/**
 * The error of gradients under a store, layer by layer: how much of it is the same in every sample, which is the bias, and
 * how much of it varies, which is σ. A sample is one batch, back-propagated through the store and exactly.
 */

/** The error of one parameter's gradient. All amounts are root mean squares over the parameter's values. */
export interface LayerError {
  parameter: string;
  weights: number;
  samples: number;
  /** Of the exact gradient, over all samples. */
  gradient: number;
  /** Of the whole error. */
  error: number;
  /**
   * Of the mean error, without what chance adds to the mean of so few samples: √max(0, mean m² − σ²/n). Null for a
   * single sample, which cannot tell a bias from noise.
   */
  bias: number | null;
  /** The standard deviation around the mean error. Null for a single sample. */
  sigma: number | null;
}

/** Gathers the samples of one parameter. */
class Moments {
  samples = 0;
  #squares = 0;
  #gradientSquares = 0;
  /** The sum of the errors of each weight. */
  readonly #sum: Float64Array;

  constructor(weights: number) {
    this.#sum = new Float64Array(weights);
  }

  add(error: Float32Array, gradient: Float32Array): void {
    this.samples++;
    for (let i = 0; i < error.length; i++) {
      const [e, g] = [error[i]!, gradient[i]!];
      this.#sum[i]! += e;
      this.#squares += e * e;
      this.#gradientSquares += g * g;
    }
  }

  row(parameter: string): LayerError {
    const [n, weights] = [this.samples, this.#sum.length];
    const whole = this.#squares / (n * weights);
    const ofMean = this.#sum.reduce((total, sum) => total + (sum / n) ** 2, 0) / weights;
    const variance = n > 1 ? (Math.max(0, whole - ofMean) * n) / (n - 1) : null;
    return {
      parameter,
      weights,
      samples: n,
      gradient: Math.sqrt(this.#gradientSquares / (n * weights)),
      error: Math.sqrt(whole),
      bias: variance === null ? null : Math.sqrt(Math.max(0, ofMean - variance / n)),
      sigma: variance === null ? null : Math.sqrt(variance),
    };
  }
}

export class GradientErrors {
  readonly #layers = new Map<string, Moments>();

  /** Adds a sample: the error of a parameter's gradient, and the exact gradient. */
  add(parameter: string, error: Float32Array, gradient: Float32Array): void {
    const moments = this.#layers.get(parameter) ?? new Moments(error.length);
    this.#layers.set(parameter, moments);
    moments.add(error, gradient);
  }

  /** In the order in which the parameters came. */
  rows(): LayerError[] {
    return [...this.#layers].map(([parameter, moments]) => moments.row(parameter));
  }
}

/** The total relative gradient noise: ‖error‖ ÷ ‖exact gradient‖ over all layers and samples together; 0 without error. */
export function totalNoise(rows: readonly LayerError[]): number {
  const energy = (key: "error" | "gradient") =>
    rows.reduce((sum, row) => sum + row.weights * row.samples * row[key] ** 2, 0);
  const noise = energy("error");
  return noise === 0 ? 0 : Math.sqrt(noise / energy("gradient"));
}
