/** The worst case and the energy behind the gradient's noise law, and that both laws can fail. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { decode, encode } from "../../src/codec/index.js";
import * as referenceCodec from "../../src/codec/reference.js";
import { Device } from "../../src/device/device.js";
import { referenceKernels } from "../../src/kernels/reference.js";
import { simdKernels } from "../../src/kernels/simd.js";
import { seed } from "../arbitrary/seed.js";
import { energyIsMeanOverWeights, gradientWithinWorstCase } from "../laws/noise.js";
import { onDevice, onHeap } from "../laws/subject.js";

const mustFail = { seed, numRuns: 300, endOnFailure: true };

test("no weight's gradient is off by more than the bound times the sum of its gradients, wasm", () =>
  gradientWithinWorstCase({ encode, decode }, { seed, numRuns: 400 }));

test("no weight's gradient is off by more than the bound times the sum of its gradients, reference", () =>
  gradientWithinWorstCase(referenceCodec, { seed, numRuns: 40 }));

test("the worst case's law catches twice the bound, and a zero that is moved", () => {
  const loose = (x: Float32Array, options: Parameters<typeof encode>[1]) =>
    encode(x, { ...options, bound: 2 * options.bound! });
  assert.throws(() => gradientWithinWorstCase({ encode: loose, decode }, mustFail));
  const filled = (frame: Uint8Array) => decode(frame).map((value) => (value === 0 ? 2 ** -11 : value));
  assert.throws(() => gradientWithinWorstCase({ encode, decode: filled }, mustFail));
});

for (const build of ["release", "debug"] as const) {
  test(`the noise energy is the mean over a channel's weights, ${build} build`, () => {
    const device = new Device({ memory: 16 << 20, build });
    energyIsMeanOverWeights(onDevice(device, simdKernels(device, { threads: 1 })), { seed, numRuns: 200 });
  });
}

test("the noise energy is the mean over a channel's weights, reference", () =>
  energyIsMeanOverWeights(onHeap(referenceKernels), { seed, numRuns: 200 }));

test("the energy's law catches inputs that are all counted as non-zero", () => {
  const blind = onHeap({
    ...referenceKernels,
    conv2dNoiseEnergy: (energy, dy, x, s) =>
      referenceKernels.conv2dNoiseEnergy(energy, dy, new Float32Array(x.length).fill(1), s),
  });
  assert.throws(() => energyIsMeanOverWeights(blind, mustFail));
});
