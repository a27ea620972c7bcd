/**
 * The kernels in WebAssembly SIMD, on a device: the same bits as `referenceKernels`, at the machine's speed.
 * The files in simd/ check the arguments and split the work over the threads; the loops are in assembly/.
 */
import type { Device } from "../device/device.js";
import { defaultThreads, Team } from "../device/workers.js";
import type { Kernels } from "./kernels.js";
import { blockMeanKernels } from "./simd/block-means.js";
import { elementKernels } from "./simd/elementwise.js";
import { fixedPointKernels } from "./simd/fixed-point.js";
import { groupKernels } from "./simd/groups.js";
import { jpegKernels } from "./simd/jpeg.js";
import { Launcher } from "./simd/launch.js";
import { matrixProducts } from "./simd/matmul.js";
import { planeKernels } from "./simd/plane.js";
import { smallFloatKernels } from "./simd/small-float.js";
import { sparseRowKernels } from "./simd/sparse-rows.js";

export interface SimdOptions {
  /** Number of threads that share the work; the bits do not depend on it. Default: the machine's cores. */
  threads?: number;
  /** Work is split only if each thread gets at least this many elements, or an equal amount of work. */
  leastWork?: number;
}

export interface SimdKernels extends Kernels {
  /** Number of threads that have started. Until all have, the calling thread does the others' share. */
  ready(): number;
  /** The threads that run the kernels. Other code on the same device may use them as well. */
  readonly team: Team;
  /** Ends the worker threads; kernels then run on the calling thread alone. */
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
    ...groupKernels(launcher),
    ...elementKernels(launcher),
    ...jpegKernels(launcher),
    ...fixedPointKernels(launcher),
    ...smallFloatKernels(launcher),
    ...sparseRowKernels(launcher),
    ...blockMeanKernels(launcher),
  };
}
