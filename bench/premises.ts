/**
 * `npm run bench -- premises [--json]` tests COMET's premises on data where everything is known.
 *
 *   uniform, independent error   x = max(0, g) with g normal, mean −0.1, deviation 0.5, at fine and at coarse bounds
 *   one constant a               σ = a·L̄·√(N·R)·eb against the exact σ, δ normal, at three image sizes
 *   the law                      measured ÷ predicted σ of a convolution's weight gradient
 *   normal gradient error        Kolmogorov's √n·D of the standardised errors, for many terms and for two
 *   re-zeroing                   the largest |x − x̂| ÷ eb after small x̂ became 0, reconstructions anywhere within eb
 */
import { decode, type EncodeOptions, encode } from "../src/codec/index.js";
import { gradientSigma } from "../src/comet/law.js";
import type { Conv2dShape } from "../src/kernels/kernels.js";
import { referenceKernels as kernels } from "../src/kernels/reference.js";
import { createRng, type Rng } from "../src/rng.js";
import { kolmogorov } from "../test/laws/normal.js";

type Quantizer = NonNullable<EncodeOptions["quantizer"]>;

/** Approximately normal: the sum of twelve uniform numbers has variance 1. */
function normal(rng: Rng): number {
  let sum = -6;
  for (let i = 0; i < 12; i++) sum += rng.uniform();
  return sum;
}

export const reluLike = (n: number, rng: Rng): Float32Array =>
  Float32Array.from({ length: n }, () => Math.max(0, 0.5 * normal(rng) - 0.1));

/** Statistics of the error over the values that are not zero. */
export interface ErrorStatistics {
  count: number;
  mean: number;
  /** Variance ÷ (eb²/3). */
  variance: number;
  /** Correlation of error and value. */
  correlation: number;
  /** The share of positive values that decode to zero, and the share that decode below zero. */
  zeroed: number;
  negated: number;
}

export function errorStatistics(x: Float32Array, y: Float32Array, eb: number): ErrorStatistics {
  let [count, se, see, sx, sxx, sex, zeroed, negated] = [0, 0, 0, 0, 0, 0, 0, 0];
  for (let i = 0; i < x.length; i++) {
    if (x[i] === 0) continue;
    const e = y[i]! - x[i]!;
    count++;
    se += e;
    see += e * e;
    sx += x[i]!;
    sxx += x[i]! * x[i]!;
    sex += e * x[i]!;
    if (y[i] === 0) zeroed++;
    if (y[i]! < 0) negated++;
  }
  const [me, mx] = [se / count, sx / count];
  const [ve, vx] = [see / count - me * me, sxx / count - mx * mx];
  return {
    count,
    mean: me / eb,
    variance: (3 * ve) / (eb * eb),
    correlation: (sex / count - me * mx) / Math.sqrt(ve * vx),
    zeroed: zeroed / count,
    negated: negated / count,
  };
}

const convolution: Conv2dShape = {
  N: 8,
  C: 16,
  H: 14,
  W: 14,
  K: 8,
  R: 3,
  S: 3,
  P: 14,
  Q: 14,
  stride: 1,
  padding: 1,
  groups: 1,
};

/** A linear layer whose gradient sums only two terms, which is too few for the central limit theorem. */
const twoImages: Conv2dShape = {
  ...convolution,
  N: 2,
  C: 128,
  H: 1,
  W: 1,
  K: 64,
  R: 1,
  S: 1,
  P: 1,
  Q: 1,
  padding: 0,
};

/** The errors of a weight gradient, each ÷ the σ that the law predicts for its channel. */
function standardised(shape: Conv2dShape, quantizer: Quantizer, bound: number, seed: number): Float64Array {
  const { N, C, H, W, K, R, S, P, Q } = shape;
  const rng = createRng(seed);
  const x = reluLike(N * C * H * W, rng);
  const dy = Float32Array.from({ length: N * K * P * Q }, () => normal(rng));
  const y = decode(encode(x, { bound, quantizer, shape: [N, C, H, W], seed }));
  const [exact, noisy] = [new Float32Array(K * C * R * S), new Float32Array(K * C * R * S)];
  kernels.conv2dWeightGradient(exact, dy, x, shape);
  kernels.conv2dWeightGradient(noisy, dy, y, shape);
  const energy = new Float32Array(K);
  kernels.conv2dNoiseEnergy(energy, dy, x, shape);
  return Float64Array.from(exact, (g, i) => {
    const own = energy.subarray(Math.floor(i / (C * R * S))).subarray(0, 1);
    return (noisy[i]! - g) / gradientSigma(bound, { energy: own });
  });
}

/** Measured ÷ predicted σ of the weight gradient of one convolution. */
export function lawRatio(quantizer: Quantizer, bound: number, seed: number): number {
  const errors = standardised(convolution, quantizer, bound, seed);
  return Math.sqrt(errors.reduce((sum, e) => sum + e * e, 0) / errors.length);
}

/**
 * Kolmogorov's √n·D between the standardised errors and the normal distribution. For normal errors it exceeds
 * 1.95 once in a thousand samples.
 */
export function normality(
  kind: "convolution" | "two images",
  quantizer: Quantizer,
  bound: number,
  seed: number,
): number {
  const shape = kind === "convolution" ? convolution : twoImages;
  return kolmogorov(standardised(shape, quantizer, bound, seed).sort());
}

/** The a for which a·L̄·√(N·R)·eb is exact: √(Σδ²/(3·N))/L̄, for N images of size × size outputs. */
export function impliedConstant(size: number, rng: Rng, N = 16): number {
  let [square, absolute] = [0, 0];
  const n = N * size * size;
  for (let i = 0; i < n; i++) {
    const delta = normal(rng);
    square += delta * delta;
    absolute += Math.abs(delta);
  }
  return Math.sqrt(square / (3 * N)) / (absolute / n);
}

/** The largest |x − x̂| ÷ eb if reconstructions lie anywhere within eb and those smaller than eb become 0. */
export function rezeroWorst(n: number, rng: Rng): number {
  let worst = 0;
  for (let i = 0; i < n; i++) {
    const x = 3 * rng.uniform();
    const reconstructed = x + (2 * rng.uniform() - 1);
    worst = Math.max(worst, Math.abs(x - (Math.abs(reconstructed) < 1 ? 0 : reconstructed)));
  }
  return worst;
}

const quantizers = ["paper", "support", "dithered"] as const;
export const bounds = [0.01, 0.1, 0.4];

export async function bench(args: string[]): Promise<void> {
  const rng = createRng(20261123);
  const x = reluLike(200000, rng);
  const errors = bounds.flatMap((bound) =>
    quantizers.map((quantizer) => ({
      bound,
      quantizer,
      ...errorStatistics(x, decode(encode(x, { bound, quantizer })), bound),
      sigma: lawRatio(quantizer, bound, 1),
      normality: normality("convolution", quantizer, bound, 1),
    })),
  );
  const constants = [7, 14, 28].map((size) => ({ size, a: impliedConstant(size, rng) }));
  const rezero = rezeroWorst(1e6, rng);
  const few = normality("two images", "dithered", 0.1, 1);
  if (args.includes("--json")) {
    console.log(JSON.stringify({ errors, constants, few, rezero }));
    return;
  }
  const cell = (value: number | string) =>
    (typeof value === "number" ? value.toFixed(3) : value).padStart(12);
  console.log("The error of values > 0, in units of the bound; seed 20261123");
  const head = [
    "eb",
    "quantizer",
    "mean",
    "var/(eb²/3)",
    "corr(e, x)",
    "became 0",
    "became < 0",
    "σ/predicted",
  ];
  console.log(head.map(cell).join(""));
  for (const e of errors) {
    const row = [
      e.bound,
      e.quantizer,
      e.mean,
      e.variance,
      e.correlation,
      e.zeroed,
      e.negated,
      e.sigma,
      e.normality,
    ];
    console.log(row.map(cell).join(""));
  }
  console.log("\nThe constant a that would make the paper's σ exact (as recalled: 0.32), δ normal");
  for (const { size, a } of constants) console.log(`  ${size} × ${size}`.padEnd(12), a.toFixed(2));
  console.log(
    `\n√n·D of a linear layer's gradient over two images: ${few.toFixed(3)}; 1.95 is exceeded once in a thousand`,
  );
  console.log(`\nLargest error ÷ bound after re-zeroing: ${rezero.toFixed(3)}`);
}
