// The codec's exports. They make up build/codec.wasm, and are part of the kernels' module
// (assembly/index.ts).
export { checksumAdd, checksumFold, checksumStart } from "./codec/checksum";
export { decodeFast, encodeFast, trialFast } from "./codec/chunk";
export {
  codesAddress,
  configureDense,
  countsAddress,
  encodeDense,
  startCounts,
  tallyDense,
  topsAddress,
} from "./codec/dense";
export { prepareDecoder, prepareEncoder } from "./codec/rans";
export { configure, hasMask, initialize, scratchBytes } from "./codec/scratch";
export { decodeDense } from "./codec/segment";

/** The first byte after the module's static data. */
export function memoryBase(): usize {
  return __heap_base;
}
