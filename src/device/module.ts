/** Loads the kernels' WebAssembly onto a device's memory. */
import { instantiateSync } from "@assemblyscript/loader";
import { platform } from "#platform";
import { UsageError } from "../error.js";

/** Every kernel takes and returns plain numbers: byte addresses, counts and scalars. */
export type Kernel = (...args: number[]) => number;

export interface Exports {
  /** The first byte after the module's static data. */
  readonly __heap_base: WebAssembly.Global;
  readonly [kernel: string]: Kernel | WebAssembly.Global;
}

/**
 * How products are added up. `strict` rounds each product and each sum, and gives the reference's bits on
 * every machine. `fused` rounds once per product and sum, on machines that can.
 */
export const profiles = ["strict", "fused"] as const;
export type Profile = (typeof profiles)[number];

/** `release` and `debug` are strict. */
export type Build = keyof typeof files;

/** Bundlers copy a file whose address is written as below. The debug build is no part of the published package. */
const release = new URL("../../../build/comet.wasm", import.meta.url);
const fused = new URL("../../../build/comet.fused.wasm", import.meta.url);
const files = { release, fused, debug: new URL("comet.debug.wasm", release) } as const;

const compiled = new Map<Build, WebAssembly.Module>();

/** Compiles one build of the kernels, once; the workers receive the same module. */
export function compile(build: Build): WebAssembly.Module {
  const known = compiled.get(build);
  if (known) return known;
  const bytes = read(files[build]);
  if (build === "fused" && !WebAssembly.validate(bytes)) {
    platform.allowRelaxedSimd();
    if (!WebAssembly.validate(bytes)) throw noFusing("an engine without it");
  }
  const module = new WebAssembly.Module(bytes);
  compiled.set(build, module);
  return module;
}

function read(url: URL): Uint8Array<ArrayBuffer> {
  try {
    return platform.readFile(url);
  } catch (cause) {
    throw new UsageError({
      where: url.pathname.replace(/^.*(?=build\/)/, ""),
      expected: "the compiled kernels",
      got: cause instanceof Error ? cause.message : String(cause),
      remedy: "run npm run build; for a page, serve the package's folder build/ at this address",
    });
  }
}

/** Instantiates the kernels without the loader's wrapper functions, which count arguments at every call. */
export const instantiate = (module: WebAssembly.Module, memory: WebAssembly.Memory): Exports =>
  instantiateSync(module, { env: { memory } }).instance.exports as unknown as Exports;

/** Throws a UsageError if the build is fused and this machine does not fuse. */
export function checkFusing(build: Build, exports: Exports): void {
  if (build === "fused" && !fuses(exports)) throw noFusing("separate roundings");
}

/**
 * True if the processor computes x² − (1 + 2⁻¹¹) with one rounding: for x = 1 + 2⁻¹² the result is then not
 * 0.
 */
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
