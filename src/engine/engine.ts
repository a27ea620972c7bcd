/** Puts an engine together: a device, the kernels on it, and a store. */
import { Device } from "../device/device.js";
import type { KernelBuild } from "../device/kernel-module.js";
import { parseBytes } from "../device/ledger.js";
import { UsageError } from "../error.js";
import { referenceKernels } from "../kernels/reference.js";
import { simdKernels } from "../kernels/simd.js";
import { PlainStore, type Store } from "./store.js";
import type { Engine } from "./tape.js";

export interface EngineOptions {
  /** The device's budget: bytes, or text like "512MiB". Default 1 GiB. */
  memory?: number | string;
  /** "simd" is fast; "reference" is slow and readable, and returns the same bits. */
  kernels?: "simd" | "reference";
  /** The number of threads that share each kernel's work. Default 1. */
  threads?: number;
  /** See SimdOptions. */
  leastWork?: number;
  store?: Store;
  /** The build of the SIMD kernels. */
  build?: KernelBuild;
}

export function createEngine(options: EngineOptions = {}): Engine {
  const {
    memory = "1GiB",
    kernels = "simd",
    threads = 1,
    store = new PlainStore(),
    build = "release",
    leastWork,
  } = options;
  const bytes = typeof memory === "number" ? memory : parseBytes(memory);
  if (bytes === null) {
    throw new UsageError({
      where: "settings.memory",
      expected: "an amount of bytes",
      got: String(memory),
      remedy: "write for example 1GiB or 512MiB",
    });
  }
  const device = new Device({ memory: bytes, build });
  const simd =
    kernels === "simd"
      ? simdKernels(device, { threads, ...(leastWork !== undefined && { leastWork }) })
      : null;
  return {
    device,
    kernels: simd ?? referenceKernels,
    team: simd?.team ?? null,
    close: async () => simd?.close(),
    store,
    observer: null,
    recording: true,
    tape: [],
    stepSeed: 0,
    trial: false,
    onOutput: null,
    onGradient: null,
  };
}
