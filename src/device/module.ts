/** Loading the kernels' WebAssembly onto a device's memory. */
import { readFileSync } from "node:fs";
import { instantiateSync } from "@assemblyscript/loader";
import { UsageError } from "../error.js";

/** Every kernel takes and returns plain numbers: byte addresses, counts and scalars. */
export type Kernel = (...args: number[]) => number;

export interface Exports {
  /** The first byte behind the module's static data. */
  readonly __heap_base: WebAssembly.Global;
  readonly [kernel: string]: Kernel | WebAssembly.Global;
}

const files = { release: "comet.wasm", debug: "comet.debug.wasm" } as const;

// dist/src/device/module.js → build/
const folder = new URL("../../../build/", import.meta.url);

export function loadModule(build: "release" | "debug", memory: WebAssembly.Memory): Exports {
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
  const { exports } = instantiateSync(bytes, { env: { memory } });
  return exports as unknown as Exports;
}
