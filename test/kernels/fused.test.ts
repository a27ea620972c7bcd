/** The fused profile: products rounded once, everything else the reference's bits, and no pretence. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Device } from "../../src/device/device.js";
import type { Kernels } from "../../src/kernels/kernels.js";
import { simdKernels } from "../../src/kernels/simd.js";
import { seed } from "../arbitrary/seed.js";
import { convolvesExactly } from "../laws/convolution.js";
import { fusedDevice } from "../laws/fused.js";
import { agrees, laws } from "../laws/kernels.js";
import { onDevice } from "../laws/subject.js";

/** The kernels that multiply and add in chains. */
const products: readonly (keyof Kernels)[] = [
  "gemm",
  "conv2dForward",
  "conv2dInputGradient",
  "conv2dWeightGradient",
];

test("the fused profile is refused by name, or is one and says so", (t) => {
  const device = fusedDevice();
  if (device === null) t.diagnostic("this machine does not fuse");
  else assert.equal(device.profile, "fused");
  assert.equal(new Device({ memory: 1 << 20 }).profile, "strict");
});

test("fused convolution is the binary64 definition within the rounding of its chains", () => {
  const device = fusedDevice();
  if (device) convolvesExactly(onDevice(device, simdKernels(device, { threads: 1 })), { seed, numRuns: 60 });
});

test("Winograd's convolution is the binary64 definition within the rounding of its mixed sums, threads or not", async () => {
  const device = fusedDevice();
  if (device === null) return;
  const kernels = simdKernels(device, { threads: 2, leastWork: 1 });
  while (kernels.ready() < 2) await sleep(5);
  convolvesExactly(onDevice(device, kernels), { seed, numRuns: 10, mixed: true });
  await kernels.close();
});

test("outside the chains of products the fused profile returns the reference's bits", () => {
  const device = fusedDevice();
  if (device === null) return;
  const subject = onDevice(device, simdKernels(device, { threads: 1 }));
  for (const [name, calls] of Object.entries(laws)) {
    if (!products.includes(name as keyof Kernels)) agrees(subject, calls, { seed, numRuns: 40 });
  }
});

test("inside them it does not: the law of bits catches it", () => {
  const device = fusedDevice();
  if (device === null) return;
  const subject = onDevice(device, simdKernels(device, { threads: 1 }));
  for (const name of products) assert.throws(() => agrees(subject, laws[name]!, { seed, numRuns: 40 }), name);
});
