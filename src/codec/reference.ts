/**
 * The codec in plain TypeScript, written for reading and for checking. It uses neither SIMD nor WebAssembly
 * and produces the same bytes.
 */
import { FrameError } from "../error.js";
import { CountingReader, type Spread, spreadOf } from "./anatomy.js";
import { rectifying } from "./bound.js";
import { ByteReader, ByteWriter } from "./bytes.js";
import { checksum } from "./checksum.js";
import { chunkLength, decodeChunk, encodeChunk } from "./chunk.js";
import { tablesBytes } from "./codes.js";
import { choose, paysOff, planBytes, readPlan, writePlan } from "./dense.js";
import { type Header, lagOf, lengthOf, readHeader, sealHeader, writeHeader } from "./frame.js";
import { layoutOf } from "./layout.js";
import { type EncodeOptions, headerFor, leastPayload } from "./options.js";
import { decodeSegment, encodeSegment, tally } from "./segment.js";
import { readTables } from "./stages/rans.js";

/**
 * Encodes the payload in parts. Returns null where dense mode does not suit, or where `auto` finds that it
 * does not pay.
 */
function encodePayload(x: Float32Array, header: Header, auto: boolean): Uint8Array[] | null {
  const { shape, quantization } = header;
  if (header.mode === "fast") {
    const starts = Array.from({ length: Math.ceil(x.length / chunkLength) }, (_, i) => i * chunkLength);
    return starts.map((first) =>
      encodeChunk(x.subarray(first, first + chunkLength), first, lagOf(shape), quantization),
    );
  }
  const layout = layoutOf(shape, x.length);
  const fastBytes = (first: number, values: number) =>
    encodeChunk(x.subarray(first, first + values), first, lagOf(shape), quantization).length;
  const choice = choose(
    (counts, sample, plan) => tally(counts, x, layout, sample, plan, quantization),
    layout,
    quantization,
    (bytes) => !auto || paysOff(bytes, x.length, fastBytes),
  );
  if (choice === null) return null;
  const plan = new ByteWriter(planBytes);
  writePlan(plan, choice.plan);
  const parts = [plan.written(), tablesBytes(choice.tables)];
  for (let s = 0; s < layout.strips; s += layout.stripsPerSegment) {
    const count = Math.min(layout.stripsPerSegment, layout.strips - s);
    const part = encodeSegment(x, layout, s, count, choice.plan, choice.tables, quantization);
    if (part === null) return null;
    parts.push(part);
  }
  return parts;
}

export function encode(x: Float32Array, options: EncodeOptions): Uint8Array {
  let header = headerFor(x, options);
  let payload = encodePayload(x, header, options.mode === "auto");
  if (payload === null) {
    header = { ...header, mode: "fast" };
    payload = encodePayload(x, header, false)!;
  }
  const parts = [writeHeader(header), ...payload];
  const frame = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    frame.set(part, at);
    at += part.length;
  }
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
  const plan = readPlan(input, quantization);
  const tables = readTables(input);
  const layout = layoutOf(shape, x.length);
  for (let s = 0; s < layout.strips; s += layout.stripsPerSegment) {
    const count = Math.min(layout.stripsPerSegment, layout.strips - s);
    decodeSegment(x, input, layout, s, count, plan, tables, quantization);
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
  const escapes = (fields.get("escape values") ?? 0) / 4 + (fields.get("segment escapes") ?? 0) / 8;
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
