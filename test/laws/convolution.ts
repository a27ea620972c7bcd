/**
 * Convolution against its definition in binary64, which is written differently here: every product of an
 * input, a weight and an output gradient is visited once and added to all three results.
 *
 * Law: a chain of n products in float32 is within γ·Σ|products| of the exact sum, with γ = (n +
 * 1)·2^-24·1.01. Winograd's sums mix the inputs of neighbouring windows; they are within 2γ of the largest
 * Σ|products| of all outputs.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { Conv2dShape } from "../../src/kernels/kernels.js";
import { type Data, data } from "../arbitrary/data.js";
import type { Cases } from "../arbitrary/seed.js";
import {
  conv2dShape,
  depthwiseShape,
  largeConv2dShapes,
  wideConv2dShape,
  winogradShape,
} from "../arbitrary/shape.js";
import type { Subject } from "./subject.js";

/** Sums and sums of magnitudes. */
class Sums {
  readonly sum: Float64Array;
  readonly magnitude: Float64Array;
  readonly count: Float64Array;

  constructor(n: number) {
    this.sum = new Float64Array(n);
    this.magnitude = new Float64Array(n);
    this.count = new Float64Array(n);
  }

  add(i: number, product: number): void {
    this.sum[i]! += product;
    this.magnitude[i]! += Math.abs(product);
    this.count[i]! += 1;
  }

  assertNear(actual: Float32Array, what: string, mixed: boolean): void {
    const largest = this.magnitude.reduce((a, b) => Math.max(a, b), 0);
    const longest = this.count.reduce((a, b) => Math.max(a, b), 0);
    for (let i = 0; i < actual.length; i++) {
      const terms = mixed ? 2 * longest * largest : this.count[i]! * this.magnitude[i]!;
      const allowed = (terms + this.magnitude[i]!) * 2 ** -24 * 1.01 + 2 ** -140;
      const error = Math.abs(actual[i]! - this.sum[i]!);
      if (error <= allowed) continue;
      assert.fail(`${what}[${i}]: ${actual[i]} is ${error} from ${this.sum[i]}, allowed ${allowed}`);
    }
  }
}

function exact(x: Float32Array, w: Float32Array, dy: Float32Array, s: Conv2dShape): [Sums, Sums, Sums] {
  const [y, dx, dw] = [new Sums(dy.length), new Sums(x.length), new Sums(w.length)];
  const groupC = s.C / s.groups;
  const groupK = s.K / s.groups;
  let i = 0;
  for (let image = 0; image < s.N * s.C; image++) {
    const c = image % s.C;
    const n = (image - c) / s.C;
    const firstK = Math.floor(c / groupC) * groupK;
    for (let row = 0; row < s.H; row++) {
      for (let column = 0; column < s.W; column++, i++) {
        for (let r = 0; r < s.R; r++) {
          const p = (row + s.padding - r) / s.stride;
          if (!Number.isInteger(p) || p < 0 || p >= s.P) continue;
          for (let t = 0; t < s.S; t++) {
            const q = (column + s.padding - t) / s.stride;
            if (!Number.isInteger(q) || q < 0 || q >= s.Q) continue;
            for (let k = firstK; k < firstK + groupK; k++) {
              const weight = ((k * groupC + (c % groupC)) * s.R + r) * s.S + t;
              const output = ((n * s.K + k) * s.P + p) * s.Q + q;
              y.add(output, x[i]! * w[weight]!);
              dx.add(i, dy[output]! * w[weight]!);
              dw.add(weight, x[i]! * dy[output]!);
            }
          }
        }
      }
    }
  }
  return [y, dx, dw];
}

const shapes = fc.oneof(
  { weight: 50, arbitrary: conv2dShape },
  { weight: 20, arbitrary: depthwiseShape },
  { weight: 10, arbitrary: wideConv2dShape },
  { weight: 1, arbitrary: fc.constantFrom(...largeConv2dShapes) },
);
const tame = data.filter((d: Data) => d.taste !== "wild");

/** `mixed` selects 3 × 3 convolutions that may use Winograd's transforms. */
export function convolvesExactly(
  subject: Subject,
  { mixed = false, ...options }: Cases & { mixed?: boolean },
): void {
  fc.assert(
    fc.property(mixed ? winogradShape : shapes, tame, (s, d) => {
      const x = d.floats(s.N * s.C * s.H * s.W);
      const w = d.floats((s.K * s.C * s.R * s.S) / s.groups);
      const dy = d.floats(s.N * s.K * s.P * s.Q);
      const [y, dx, dw] = exact(x, w, dy, s);
      subject.withBuffers([x, w, dy, dy, x, w], (buffers) => {
        const [px, pw, pdy, outY, outX, outW] = buffers as Float32Array[] as [
          Float32Array,
          Float32Array,
          Float32Array,
          Float32Array,
          Float32Array,
          Float32Array,
        ];
        subject.kernels.conv2dForward(outY, px, pw, null, s);
        subject.kernels.conv2dInputGradient(outX, pdy, pw, s);
        subject.kernels.conv2dWeightGradient(outW, pdy, px, s);
        y.assertNear(outY, "y", mixed);
        dx.assertNear(outX, "dx", mixed);
        dw.assertNear(outW, "dw", mixed);
      });
    }),
    options,
  );
}
