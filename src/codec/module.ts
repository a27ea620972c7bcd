/** The codec's WebAssembly module, loaded once: from disk in Node, over the network in a browser. */
/** The exports that assembly/codec.ts lists. */
export interface CodecExports {
  checksumStart(lanes: number): void;
  checksumAdd(lanes: number, bytes: number, length: number): void;
  checksumFold(lanes: number, length: number): number;
  initialize(scratch: number): void;
  configure(scratch: number, quantizer: number, ...rest: number[]): void;
  encodeFast(scratch: number, x: number, n: number, first: number, out: number, capacity: number): number;
  trialFast(scratch: number, x: number, n: number, first: number): number;
  decodeFast(scratch: number, payload: number, bytes: number, x: number, n: number, first: number): number;
  configureDense(scratch: number, ...layoutAndPlan: number[]): void;
  tallyDense(scratch: number, x: number, strip: number, y0: number, rows: number, counted: number): number;
  encodeDense(
    scratch: number,
    x: number,
    first: number,
    strips: number,
    out: number,
    capacity: number,
  ): number;
  prepareEncoder(scratch: number): void;
  prepareDecoder(scratch: number): void;
  decodeDense(
    scratch: number,
    x: number,
    first: number,
    strips: number,
    more: number,
    from: number,
    available: number,
  ): number;
  startCounts(scratch: number): void;
  countsAddress(scratch: number): number;
  codesAddress(scratch: number, encoding: number): number;
  topsAddress(scratch: number): number;
}

const url = new URL("../../../build/codec.wasm", import.meta.url);

async function loadBytes(): Promise<BufferSource> {
  if (url.protocol !== "file:") return (await fetch(url)).arrayBuffer();
  const { readFileSync } = await import("node:fs");
  return readFileSync(url);
}

const module = await WebAssembly.compile(await loadBytes());

export function instantiate(memory: WebAssembly.Memory): WebAssembly.Exports {
  return new WebAssembly.Instance(module, { env: { memory } }).exports;
}
