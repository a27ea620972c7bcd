/**
 * Every law that draws cases, for the fast implementations; `npm run verify` runs each a million times. That
 * all kernels return the reference's bits counts as one law, whose cases are divided among the kernels.
 */
import { decode, encode } from "../../src/codec/index.js";
import * as reference from "../../src/codec/reference.js";
import { Device } from "../../src/device/device.js";
import { simdKernels } from "../../src/kernels/simd.js";
import type { Cases } from "../arbitrary/seed.js";
import { boundHolds, equals, secondPassIsStill, supportIsExact } from "./codec.js";
import { convolvesExactly } from "./convolution.js";
import { agrees, laws as kernelLaws } from "./kernels.js";
import { energyIsMeanOverWeights, gradientWithinWorstCase } from "./noise.js";
import { onDevice } from "./subject.js";

export interface Law {
  /** The share of a law's million cases. */
  share: number;
  run(options: Cases): void;
}

/** The laws by name. Each thread needs its own call, because each call makes a device. */
export function longLaws(): Map<string, Law> {
  const device = new Device({ memory: 64 << 20 });
  const subject = onDevice(device, simdKernels(device, { threads: 1 }));
  const codec = { encode, decode };
  const whole: Record<string, Law["run"]> = {
    "codec: the bound holds": (options) => boundHolds(codec, options),
    "codec: support keeps zeros and signs": (options) => supportIsExact(codec, options),
    "codec: decoded values stay when coded again": (options) => secondPassIsStill(codec, options),
    "codec: wasm gives the reference's bytes and bits": (options) => equals(reference, codec, options),
    "noise: no gradient is off by more than eb·Σ|δ|": (options) => gradientWithinWorstCase(codec, options),
    "noise: energy is the mean over weights": (options) => energyIsMeanOverWeights(subject, options),
    "kernels: convolution is its definition": (options) => convolvesExactly(subject, options),
  };
  const kernels = Object.entries(kernelLaws);
  return new Map<string, Law>([
    ...Object.entries(whole).map(([name, run]): [string, Law] => [name, { share: 1, run }]),
    ...kernels.map(([name, calls]): [string, Law] => [
      `kernels: the reference's bits, ${name}`,
      { share: 1 / kernels.length, run: (options) => agrees(subject, calls, options) },
    ]),
  ]);
}
