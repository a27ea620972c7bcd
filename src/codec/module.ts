/** The codec's own WebAssembly, loaded once: from the disk in Node, over the network in a browser. */

/** The functions that assembly/codec.ts exports. */
type KernelName =
  | "memoryBase"
  | "initialize"
  | "configure"
  | "encodeFast"
  | "trialFast"
  | "decodeFast"
  | "configureDense"
  | "startCounts"
  | "tallyDense"
  | "countsAddress"
  | "codesAddress"
  | "topsAddress"
  | "prepareEncoder"
  | "encodeDense"
  | "prepareDecoder"
  | "decodeDense"
  | "checksumStart"
  | "checksumAdd"
  | "checksumFold";

/** Every kernel takes and returns plain numbers: byte addresses, counts and scalars. */
export type CodecExports = Readonly<Record<KernelName, (...args: readonly number[]) => number>>;

const url = new URL("../../../build/codec.wasm", import.meta.url);

async function loadBytes(): Promise<BufferSource> {
  if (url.protocol !== "file:") return (await fetch(url)).arrayBuffer();
  const { readFileSync } = await import("node:fs");
  return readFileSync(url);
}

const module = await WebAssembly.compile(await loadBytes());

export function instantiate(memory: WebAssembly.Memory): CodecExports {
  return new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as CodecExports;
}
