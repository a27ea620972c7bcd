/** The codec's own WebAssembly. Its bytes are a part of the JavaScript: there is no file to find, fetch or wait for. */
import { hex } from "./binary.js";

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

export function instantiate(memory: WebAssembly.Memory): WebAssembly.Exports {
  return new WebAssembly.Instance(module, { env: { memory } }).exports;
}
