/**
 * The equations, as pure functions. Symbols: eb the bound, δ the gradient of a layer's output, E_k = Σδ² over the
 * positions of output channel k whose input is not zero, m the momentum of the layer's weights.
 *
 *   (1)  Var(e)  = eb²/3                      e uniform in (−eb, eb)
 *   (2)  σ_k²    = Var(e) · E_k               errors zero-mean and uncorrelated: conv and linear weight gradients
 *   (3)  σ²      = eb²/3 · mean_k E_k         averaged over the weights of the layer
 *   (4)  σ_ok    = share · mean|m|            what training tolerates; share = 0.01 (as recalled from the paper)
 *   (5)  eb      = √3 · σ_ok / √(mean_k E_k)  (3) solved for the bound
 *   (6)  σ       = a · L̄ · √(N·R) · eb        the paper's own form, as recalled: L̄ = mean|δ|, N batch size, R share
 *                                            of non-zero inputs, a = 0.32 fitted
 *   (7)  eb      = σ_ok / (a · L̄ · √(N·R))    (6) solved for the bound
 */
import type { Observation, Upstream } from "../engine/noise.js";

/** (1) Variance of an error uniform in (−eb, eb). proofs: Dither.error_square */
export const errorVariance = (eb: number): number => (eb * eb) / 3;

const mean = (values: ArrayLike<number>): number => {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return sum / values.length;
};

/**
 * (3) Standard deviation of the error of a layer's weight gradient, over all its weights.
 * proofs: Gradient.convolution_variance
 */
export const gradientSigma = (eb: number, { energy }: Pick<Observation, "energy">): number =>
  Math.sqrt(errorVariance(eb) * mean(energy));

/** Its square, for each unit of Var(e). */
export const ownNoise = ({ energy }: Pick<Observation, "energy">): number => mean(energy);

/** (4) The σ that training tolerates. */
export const acceptedSigma = (meanMomentum: number, share: number): number => share * meanMomentum;

/** (5) The largest bound whose predicted σ is accepted. proofs: Gradient.law_bound */
export const lawBound = (sigma: number, { energy }: Pick<Observation, "energy">): number =>
  (Math.sqrt(3) * sigma) / Math.sqrt(mean(energy));

/**
 * (8) The variance of the error of the gradient that travels upstream, the mean over its elements. `gatedVariance`: by
 * how much more than (1) errors vary where δ = 0. proofs: Gradient.batchnorm_variance
 */
export const upstreamVariance = (eb: number, { noise, gated }: Upstream, gatedVariance = 0): number =>
  errorVariance(eb) * noise + gatedVariance * gated;

/** The largest bound whose upstream noise is `share` of the signal; `gain`: noise ÷ signal at an error variance of 1. */
export const upstreamBound = (share: number, gain: number): number =>
  (Math.sqrt(3) * share) / Math.sqrt(gain);

/** The paper's fitted constant, as recalled. */
export const paperConstant = 0.32;

/** (6) The paper's σ, as recalled. proofs: Gradient.paper_constant (no one constant fits all image sizes) */
export const paperSigma = (eb: number, { meanLoss, batch, nonZero }: Observation): number =>
  paperConstant * meanLoss * Math.sqrt(batch * nonZero) * eb;

/** (7) The paper's bound, as recalled. */
export const paperBound = (sigma: number, { meanLoss, batch, nonZero }: Observation): number =>
  sigma / (paperConstant * meanLoss * Math.sqrt(batch * nonZero));
