/**
 * The codec in plain TypeScript, written for reading and for checking. It uses neither SIMD nor WebAssembly
 * and produces the same bytes.
 */
import { FrameError } from "../error.js";
import { CountingReader, type Spread, spreadOf } from "./anatomy.js";
import { rectifying } from "./bound.js";
import { ByteReader, ByteWriter } from "./bytes.js";
import { checksum } from "./checksum.js";
import { choose, mostBytes } from "./dense/choice.js";
import { layoutOf } from "./dense/layout.js";
import { modelBytes, readModel, writeModel } from "./dense/model.js";
import { decodeSegment, encodeSegment, tally } from "./dense/segment.js";
import { chunkLength, decodeChunk, encodeChunk, hasMask } from "./fast/chunk.js";
import {
  type Header,
  lagOf,
  lengthOf,
  readHeader,
  sealHeader,
  secondVersion,
  versionAt,
  writeHeader,
} from "./frame.js";
import { type EncodeOptions, headerFor, leastPayload } from "./options.js";
import { zerosApart } from "./stages/predict.js";
import { readTables } from "./stages/rans.js";

interface Payload {
  parts: Uint8Array[];
  /** True if it needs the second version. */
  second: boolean;
}

/**
 * Encodes the payload in parts. Returns null where dense mode does not suit, or where `auto` finds that it
 * does not pay.
 */
function encodePayload(x: Float32Array, header: Header, auto: boolean): Payload | null {
  const { shape, quantization } = header;
  if (header.mode === "fast") {
    const starts = Array.from({ length: Math.ceil(x.length / chunkLength) }, (_, i) => i * chunkLength);
    const parts = starts.map((first) =>
      encodeChunk(x.subarray(first, first + chunkLength), first, lagOf(shape), quantization),
    );
    return { parts, second: parts.some(hasMask) };
  }
  const layout = layoutOf(shape, x.length);
  const fastBytes = (first: number, values: number) =>
    encodeChunk(x.subarray(first, first + values), first, lagOf(shape), quantization).length;
  const choice = choose(
    (counts, sample, model) => tally(counts, x, layout, sample, model, quantization),
    layout,
    quantization,
    () => (auto ? mostBytes(x.length, fastBytes) : Number.POSITIVE_INFINITY),
  );
  if (choice === null) return null;
  const out = new ByteWriter(modelBytes);
  writeModel(out, choice.model);
  const parts = [out.written(), choice.tables.bytes];
  let second = zerosApart(choice.model.predictor);
  for (let s = 0; s < layout.strips; s += layout.stripsPerSegment) {
    const count = Math.min(layout.stripsPerSegment, layout.strips - s);
    const part = encodeSegment(x, layout, s, count, choice.model, choice.tables, quantization);
    if (part === null) return null;
    parts.push(part.bytes);
    second ||= part.masked;
  }
  return { parts, second };
}

export function encode(x: Float32Array, options: EncodeOptions): Uint8Array {
  let header = headerFor(x, options);
  let payload = encodePayload(x, header, options.mode === "auto");
  if (payload === null) {
    header = { ...header, mode: "fast" };
    payload = encodePayload(x, header, false)!;
  }
  const parts = [writeHeader(header), ...payload.parts];
  const frame = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    frame.set(part, at);
    at += part.length;
  }
  if (payload.second) frame[versionAt] = secondVersion;
  sealHeader(frame, frame.length, checksum);
  return frame;
}

function decodePayload(x: Float32Array, input: ByteReader, { mode, shape, quantization }: Header): void {
  if (mode === "fast") {
    for (let first = 0; first < x.length; first += chunkLength) {
      decodeChunk(x.subarray(first, first + chunkLength), input, first, lagOf(shape), quantization);
    }
    return;
  }
  const model = readModel(input, quantization);
  const tables = readTables(input);
  const layout = layoutOf(shape, x.length);
  for (let s = 0; s < layout.strips; s += layout.stripsPerSegment) {
    const count = Math.min(layout.stripsPerSegment, layout.strips - s);
    decodeSegment(x, input, layout, s, count, model, tables, quantization);
  }
}

/** Decodes a frame. `rectified` returns 0 for negative values; it needs a quantizer that keeps signs. */
export function decode(frame: Uint8Array, { rectified = false } = {}): Float32Array {
  return decodeFrom(frame, new ByteReader(frame), rectified);
}

/**
 * Decodes a frame and returns its bytes by field, the number of raw values, and the distribution of the
 * values.
 */
export function anatomy(frame: Uint8Array): Spread & { fields: Map<string, number>; escapes: number } {
  const input = new CountingReader(frame);
  const x = decodeFrom(frame, input);
  const { fields } = input;
  fields.set("header", readHeader(frame, checksum).payload);
  // An escape takes one word in fast mode, and an index and a word in dense mode.
  const listed = (fields.get("escape values") ?? 0) / 4 + (fields.get("segment escapes") ?? 0) / 8;
  const escapes = listed + input.holes;
  return { fields, escapes, ...spreadOf(x) };
}

function decodeFrom(frame: Uint8Array, input: ByteReader, rectified = false): Float32Array {
  const header = readHeader(frame, checksum);
  if (rectified) header.quantization = rectifying(header.quantization);
  const n = lengthOf(header.shape);
  leastPayload(n, frame.length - header.payload, header.mode);
  const x = new Float32Array(n);
  input.at = header.payload;
  decodePayload(x, input, header);
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
