/**
 * The kernels in WebAssembly SIMD, on a device: the same bits as `referenceKernels`, at the machine's speed.
 * Here are the checks and the split of the work over the threads; the loops are in assembly/.
 */
import type { Device } from "../device/device.js";
import { Team } from "../device/workers.js";
import type { Kernels } from "./kernels.js";
import { planeKernels } from "./simd/channel.js";
import { elementKernels } from "./simd/elementwise.js";
import { Launcher } from "./simd/launch.js";
import { matrixProducts } from "./simd/matmul.js";

export interface SimdOptions {
  /** How many threads share the work. */
  threads?: number;
}

export function simdKernels(device: Device, _options: SimdOptions = {}): Kernels {
  const launcher = new Launcher(device, new Team(device));
  return {
    name: "simd",
    threads: launcher.threads,
    ...matrixProducts(launcher),
    ...planeKernels(launcher),
    ...elementKernels(launcher),
  };
}
