/** The codec's own WebAssembly. Its bytes are a part of the JavaScript: there is no file to find, fetch or wait for. */
import { hex } from "./binary.js";

/** The functions that assembly/codec.ts exports. */
type KernelName =
  | "memoryBase"
  | "initialize"
  | "configure"
  | "hasMask"
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

/** The value of a digit 0 … 9 or a … f. The letters alone have bit 6 set, and their low four bits count from 1. */
function digit(text: string, at: number): number {
  const code = text.charCodeAt(at);
  return (code & 15) + 9 * (code >> 6);
}

function decodeHex(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = 16 * digit(text, 2 * i) + digit(text, 2 * i + 1);
  return bytes;
}

const module = new WebAssembly.Module(decodeHex(hex));

export function instantiate(memory: WebAssembly.Memory): CodecExports {
  return new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as CodecExports;
}
