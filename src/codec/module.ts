/** The codec's own WebAssembly, loaded once: from the disk in Node, over the network in a browser. */
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
