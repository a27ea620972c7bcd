/**
 * The kernels in WebAssembly SIMD, on a device: the same bits as `referenceKernels`, at the machine's speed.
 * Here are the checks and the split of the work over the threads; the loops are in assembly/.
 */
import type { Device } from "../device/device.js";
import { defaultThreads, Team } from "../device/workers.js";
import type { Kernels } from "./kernels.js";
import { planeKernels } from "./simd/channel.js";
import { elementKernels } from "./simd/elementwise.js";
import { Launcher } from "./simd/launch.js";
import { matrixProducts } from "./simd/matmul.js";

export interface SimdOptions {
  /** How many threads share the work; the bits do not depend on it. Default: the machine's cores. */
  threads?: number;
  /** Work is split only above this many elements a thread, or as much work as that. */
  leastWork?: number;
}

export interface SimdKernels extends Kernels {
  /** How many of the threads have started; until all have, the calling one does their share. */
  ready(): number;
  /** Who runs them; it takes calls of other code on the same device as well. */
  readonly team: Team;
  /** Ends the workers; kernels then run on the calling thread alone. */
  close(): Promise<void>;
}

export function simdKernels(device: Device, options: SimdOptions = {}): SimdKernels {
  const team = new Team(device, options.threads ?? defaultThreads);
  const launcher = new Launcher(device, team, options.leastWork ?? 1 << 15);
  return {
    name: "simd",
    threads: team.size,
    ready: () => team.ready,
    team,
    close: () => team.close(),
    ...matrixProducts(launcher),
    ...planeKernels(launcher),
    ...elementKernels(launcher),
  };
}
