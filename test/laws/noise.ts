/**
 * Laws about the effect of an error in a saved tensor on a weight gradient: no weight's error exceeds eb·Σ|δ|
 * over its non-zero inputs (G1), and the noise energy is the mean of Σδ² over a channel's weights (G3).
 *
 * Sums over non-zero inputs are computed as weight gradients: of |δ| or δ², with the support of x as input.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { Conv2dShape } from "../../src/kernels/kernels.js";
import { referenceKernels } from "../../src/kernels/reference.js";
import { type Data, data } from "../arbitrary/data.js";
import type { Cases } from "../arbitrary/seed.js";
import { conv2dShape, depthwiseShape } from "../arbitrary/shape.js";
import type { Codec } from "./codec.js";
import type { Subject } from "./subject.js";

const shapes = fc.oneof({ weight: 3, arbitrary: conv2dShape }, { weight: 1, arbitrary: depthwiseShape });
const tame = data.filter((d: Data) => d.taste !== "wild");
const ulp = 2 ** -24 * 1.01;

/** Inputs of one convolution's backward pass. */
const draw = (s: Conv2dShape, d: Data) => ({
  x: d.floats(s.N * s.C * s.H * s.W),
  dy: d.floats(s.N * s.K * s.P * s.Q),
});

const weightsOf = (s: Conv2dShape): number => (s.K * s.C * s.R * s.S) / s.groups;

/** For each weight, the sum over the batch and the positions. */
function weightGradient(dy: Float32Array, x: Float32Array, s: Conv2dShape): Float32Array {
  const dw = new Float32Array(weightsOf(s));
  referenceKernels.conv2dWeightGradient(dw, dy, x, s);
  return dw;
}

const supportOf = (x: Float32Array): Float32Array => x.map((value) => (value === 0 ? 0 : 1));

/** G1. The allowance is eb·Σ|δ| plus the rounding errors of two float32 chains of n products. */
export function gradientWithinWorstCase({ encode, decode }: Codec, options: Cases): void {
  const bounds = fc.constantFrom(2 ** -10, 0.003, 0.1, 0.5, 2);
  const quantizers = fc.constantFrom("support", "dithered" as const);
  fc.assert(
    fc.property(shapes, tame, bounds, quantizers, fc.nat(), (s, d, bound, quantizer, seed) => {
      const { x, dy } = draw(s, d);
      const stored = decode(encode(x, { bound, quantizer, seed, shape: [s.N, s.C, s.H, s.W] }));
      const exact = weightGradient(dy, x, s);
      const noisy = weightGradient(dy, stored, s);
      const magnitude = dy.map(Math.abs);
      const reach = weightGradient(magnitude, supportOf(x), s);
      const size = weightGradient(
        magnitude,
        x.map((value) => Math.abs(value) + bound),
        s,
      );
      const chain = s.N * s.P * s.Q + 2;
      for (let i = 0; i < exact.length; i++) {
        const allowed = bound * reach[i]! * (1 + chain * ulp) + 2 * chain * ulp * size[i]!;
        const error = Math.abs(noisy[i]! - exact[i]!);
        if (error > allowed) assert.fail(`weight ${i} is off by ${error}, allowed ${allowed}`);
      }
    }),
    options,
  );
}

/** G3. */
export function energyIsMeanOverWeights(subject: Subject, options: Cases): void {
  fc.assert(
    fc.property(shapes, tame, (s, d) => {
      const { x, dy } = draw(s, d);
      const squares = dy.map((value) => value * value);
      const perWeight = weightGradient(squares, supportOf(x), s);
      const weights = perWeight.length / s.K;
      subject.withBuffers([new Float32Array(s.K), dy, x], (buffers) => {
        const [energy, delta, input] = buffers as Float32Array[];
        subject.kernels.conv2dNoiseEnergy(energy!, delta!, input!, s);
        for (let k = 0; k < s.K; k++) {
          const mean =
            perWeight.subarray(k * weights, (k + 1) * weights).reduce((a, b) => a + b, 0) / weights;
          const allowed = (s.N * s.P * s.Q + 8) * 2 * ulp * mean;
          if (Math.abs(energy![k]! - mean) > allowed) {
            assert.fail(`channel ${k}: energy ${energy![k]}, the mean over its weights is ${mean}`);
          }
        }
      });
    }),
    options,
  );
}
