/** Loading the kernels' WebAssembly onto a device's memory. */
import { readFileSync } from "node:fs";
import { setFlagsFromString } from "node:v8";
import { instantiateSync } from "@assemblyscript/loader";
import { UsageError } from "../error.js";

/** Every kernel takes and returns plain numbers: byte addresses, counts and scalars. */
export type Kernel = (...args: number[]) => number;

export interface Exports {
  /** The first byte behind the module's static data. */
  readonly __heap_base: WebAssembly.Global;
  readonly [kernel: string]: Kernel | WebAssembly.Global;
}

/**
 * How products are added up. `strict`: product and sum rounded each, the reference's bits on every machine. `fused`:
 * rounded once, on machines that can.
 */
export type Profile = "strict" | "fused";

/** `release` and `debug` are strict. */
export type Build = keyof typeof files;

const files = { release: "comet.wasm", debug: "comet.debug.wasm", fused: "comet.fused.wasm" } as const;

// dist/src/device/module.js → build/
const folder = new URL("../../../build/", import.meta.url);

export function loadModule(build: Build, memory: WebAssembly.Memory): Exports {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(new URL(files[build], folder));
  } catch {
    throw new UsageError({
      where: `build/${files[build]}`,
      expected: "the compiled kernels",
      got: "no such file",
      remedy: "run npm run build",
    });
  }
  if (build === "fused" && !WebAssembly.validate(bytes)) {
    // Node 20 knows relaxed SIMD but keeps it behind a flag, which may be set until something uses it.
    setFlagsFromString("--experimental-wasm-relaxed-simd");
    if (!WebAssembly.validate(bytes)) throw noFusing("an engine without it");
  }
  const exports = instantiateSync(bytes, { env: { memory } }).exports as unknown as Exports;
  if (build === "fused" && !fuses(exports)) throw noFusing("separate roundings");
  return exports;
}

/** Whether this processor rounds x² − (1 + 2⁻¹¹) once: with x = 1 + 2⁻¹² something is left then. */
function fuses(exports: Exports): boolean {
  return (exports.squareRemainder as Kernel)(1 + 2 ** -12) !== 0;
}

const noFusing = (got: string): UsageError =>
  new UsageError({
    where: "profile fused",
    expected: "relaxed SIMD that multiplies and adds in one rounding",
    got,
    remedy: "use the strict profile",
  });
