/**
 * The codec in plain TypeScript, for reading and for checking: no SIMD, no WebAssembly, the same bytes.
 */
import { FrameError } from "../error.js";
import { ByteReader } from "./bytes.js";
import { checksum } from "./checksum.js";
import { chunkLength, decodeChunk, encodeChunk } from "./chunk.js";
import {
  type Header,
  headerCapacity,
  lagOf,
  lengthOf,
  readHeader,
  sealHeader,
  writeHeader,
} from "./frame.js";
import { type EncodeOptions, headerFor, leastPayload } from "./options.js";

export function encode(x: Float32Array, options: EncodeOptions): Uint8Array {
  const header = headerFor(x.length, options);
  const lag = lagOf(header.shape);
  const parts = [writeHeader(header)];
  for (let first = 0; first < x.length; first += chunkLength) {
    parts.push(encodeChunk(x.subarray(first, first + chunkLength), first, lag, header.quantization));
  }
  const frame = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    frame.set(part, at);
    at += part.length;
  }
  sealHeader(frame, frame.length, checksum);
  return frame;
}

export function decode(frame: Uint8Array): Float32Array {
  const header = readHeader(frame, checksum);
  const n = lengthOf(header.shape);
  leastPayload(n, frame.length - header.payload);
  const x = new Float32Array(n);
  const input = new ByteReader(frame);
  input.at = header.payload;
  const lag = lagOf(header.shape);
  for (let first = 0; first < n; first += chunkLength) {
    decodeChunk(x.subarray(first, first + chunkLength), input, first, lag, header.quantization);
  }
  if (input.at !== frame.length) {
    throw new FrameError({
      where: "payload",
      expected: `to end at byte ${input.at}`,
      got: `${frame.length - input.at} more`,
      remedy: "encode the tensor again: these bytes are damaged",
    });
  }
  return x;
}

export { type Header, headerCapacity };
