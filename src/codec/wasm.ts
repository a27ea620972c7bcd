/**
 * The codec on a WebAssembly memory: tensors and frames are addresses in it, nothing is copied.
 */
import { FrameError } from "../error.js";
import { ByteReader, ByteWriter } from "./bytes.js";
import {
  choose,
  paysOff,
  planCapacity,
  type Rows,
  readPlan,
  readTables,
  writePlan,
  writeTables,
} from "./dense.js";
import { type Header, lagOf, lengthOf, readHeader, sealHeader, writeHeader } from "./frame.js";
import { type Layout, layoutOf } from "./layout.js";
import type { Plan } from "./model.js";
import { type EncodeOptions, headerFor, leastPayload } from "./options.js";
import { startsOf, type Tables } from "./rans.js";

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
  surveyDense(scratch: number, x: number, length: number): void;
  tallyDense(scratch: number, x: number, strip: number, y0: number, rows: number): number;
  encodeDense(
    scratch: number,
    x: number,
    first: number,
    strips: number,
    out: number,
    capacity: number,
  ): number;
  prepareDense(scratch: number): void;
  decodeDense(
    scratch: number,
    x: number,
    first: number,
    strips: number,
    from: number,
    available: number,
  ): number;
  countsAddress(scratch: number): number;
  codesAddress(scratch: number, encoding: number): number;
  topsAddress(scratch: number): number;
}

/** What a codec needs for itself, whatever it encodes. */
export const scratchBytes = 524288;
/** The checksum's lanes lie at the end of the scratch. */
const lanesAt = scratchBytes - 64;

const quantizers = ["lossless", "support", "paper", "dithered"];

/** The answers of decodeFast and decodeDense below zero, from −1 on. */
const complaints = [
  "payload",
  "kind",
  "escape positions",
  "bitmap",
  "widths",
  "payload end",
  "segment counts",
  "segment states",
  "segment escapes",
];

/** encodeDense's answer for a tensor that is better off in fast mode. */
const unsuited = -2;

const packed = (thresholds: number[]): number =>
  thresholds[0]! | (thresholds[1]! << 8) | (thresholds[2]! << 16);

function complain(answer: number): number {
  if (answer >= 0) return answer;
  throw new FrameError({
    where: complaints[-1 - answer] ?? "payload",
    expected: "what an encoder writes",
    got: "something else",
    remedy: "encode the tensor again: these bytes are damaged",
  });
}

export class WasmCodec {
  readonly #wasm: CodecExports;
  readonly #memory: WebAssembly.Memory;
  readonly #scratch: number;

  /**
   * `scratch`: the address (a multiple of 16) of `scratchBytes` bytes that are this codec's own for as long as it
   * lives. `exports` may hold more than the codec.
   */
  constructor(exports: object, memory: WebAssembly.Memory, scratch: number) {
    this.#wasm = exports as CodecExports;
    this.#memory = memory;
    this.#scratch = scratch;
    this.#wasm.initialize(scratch);
  }

  static readonly scratchBytes = scratchBytes;

  /**
   * Encodes `length` float32 at `x` (4-byte aligned) to `out`. Returns the frame's bytes, or −1 if `capacity` does not
   * hold them; what lies at `out` is then undefined, and nothing behind `capacity` is touched.
   */
  encodeAt(
    x: number,
    length: number,
    shape: readonly number[],
    options: Omit<EncodeOptions, "shape">,
    out: number,
    capacity: number,
  ): number {
    const values = new Float32Array(this.#memory.buffer, x, length);
    const header = headerFor(values, { ...options, shape });
    const auto = options.mode === "auto";
    const dense = header.mode === "dense" ? this.#encodeAs(header, auto, x, length, out, capacity) : unsuited;
    return dense === unsuited
      ? this.#encodeAs({ ...header, mode: "fast" }, false, x, length, out, capacity)
      : dense;
  }

  #encodeAs(header: Header, auto: boolean, x: number, length: number, out: number, capacity: number): number {
    const head = writeHeader(header);
    if (head.length > capacity) return -1;
    this.#bytes(out, head.length).set(head);
    this.configure(header);
    const room = capacity - head.length;
    const payload =
      header.mode === "fast"
        ? this.#wasm.encodeFast(this.#scratch, x, length, 0, out + head.length, room)
        : this.#encodeDense(header, auto, x, length, out + head.length, room);
    if (payload < 0) return payload;
    const frameBytes = head.length + payload;
    sealHeader(this.#bytes(out, frameBytes), frameBytes, () => this.checksum(out + 8, frameBytes - 8));
    return frameBytes;
  }

  #encodeDense(
    header: Header,
    auto: boolean,
    x: number,
    length: number,
    out: number,
    capacity: number,
  ): number {
    const layout = layoutOf(header.shape, length);
    this.#wasm.surveyDense(this.#scratch, x, length);
    const choice = choose(
      (counts, rows, plan) => this.#tally(counts, x, rows, layout, plan),
      layout,
      header.quantization,
    );
    if (choice === null) return unsuited;
    const fastBytes = (first: number, values: number) =>
      this.#wasm.trialFast(this.#scratch, x + 4 * first, values, first);
    if (auto && !paysOff(choice, length, fastBytes)) return unsuited;
    const head = new ByteWriter(planCapacity);
    writePlan(head, choice.plan);
    writeTables(head, choice.tables);
    if (head.at > capacity) return -1;
    this.#bytes(out, head.at).set(head.written());
    this.#configureDense(layout, choice.plan);
    this.#giveCodes(choice.tables, true);
    let at = out + head.at;
    for (let s = 0; s < layout.strips; s += layout.stripsPerSegment) {
      const strips = Math.min(layout.stripsPerSegment, layout.strips - s);
      const bytes = this.#wasm.encodeDense(this.#scratch, x, s, strips, at, out + capacity - at);
      if (bytes < 0) return bytes;
      at += bytes;
    }
    return at - out;
  }

  #tally(counts: Uint32Array, x: number, { strip, y0, rows }: Rows, layout: Layout, plan: Plan): number {
    const own = new Uint32Array(this.#memory.buffer, this.#wasm.countsAddress(this.#scratch), counts.length);
    own.set(counts);
    this.#configureDense(layout, plan);
    const sum = this.#wasm.tallyDense(this.#scratch, x, strip, y0, rows);
    counts.set(own);
    return sum;
  }

  #configureDense(
    { length, width, rows, height }: Layout,
    { predictor, low, gapless, area, left }: Plan,
  ): void {
    const plan = [predictor, low, Number(gapless), packed(area), packed(left)];
    this.#wasm.configureDense(this.#scratch, length, width, rows, height, ...plan);
  }

  #giveCodes(tables: Tables, encoding: boolean): void {
    const { top, frequency } = tables;
    const start = startsOf(tables);
    this.#bytes(this.#wasm.topsAddress(this.#scratch), top.length).set(top);
    const at = this.#wasm.codesAddress(this.#scratch, Number(encoding));
    const codes = new Uint32Array(this.#memory.buffer, at, frequency.length);
    for (let i = 0; i < codes.length; i++) codes[i] = frequency[i]! | (start[i]! << 16);
  }

  /** The header of the frame at `frame`. Throws a FrameError that names the field. */
  headerAt(frame: number, frameBytes: number): Header & { payload: number } {
    const header = readHeader(this.#bytes(frame, frameBytes), () => this.checksum(frame + 8, frameBytes - 8));
    leastPayload(lengthOf(header.shape), frameBytes - header.payload, header.mode);
    return header;
  }

  /** Decodes the frame at `frame` to `out`, where the header's values must fit. Throws a FrameError. */
  decodeAt(frame: number, frameBytes: number, out: number): void {
    const header = this.headerAt(frame, frameBytes);
    this.configure(header);
    const payload = frame + header.payload;
    const bytes = frameBytes - header.payload;
    if (header.mode === "dense") this.#decodeDense(header, payload, bytes, out);
    else complain(this.#wasm.decodeFast(this.#scratch, payload, bytes, out, lengthOf(header.shape), 0));
  }

  #decodeDense({ shape }: Header, payload: number, bytes: number, out: number): void {
    const layout = layoutOf(shape, lengthOf(shape));
    const input = new ByteReader(this.#bytes(payload, bytes));
    const plan = readPlan(input);
    const tables = readTables(input);
    this.#configureDense(layout, plan);
    this.#giveCodes(tables, false);
    this.#wasm.prepareDense(this.#scratch);
    let at = input.at;
    for (let s = 0; s < layout.strips; s += layout.stripsPerSegment) {
      const strips = Math.min(layout.stripsPerSegment, layout.strips - s);
      at += complain(this.#wasm.decodeDense(this.#scratch, out, s, strips, payload + at, bytes - at));
    }
    if (at !== bytes) complain(-6);
  }

  configure({ shape, quantization }: Header): void {
    const { quantizer, positive, negative, seed } = quantization;
    this.#wasm.configure(
      this.#scratch,
      quantizers.indexOf(quantizer),
      positive.bound,
      positive.step,
      positive.inverse,
      negative.bound,
      negative.step,
      negative.inverse,
      seed,
      lagOf(shape),
    );
  }

  checksum(address: number, length: number): number {
    const lanes = this.#scratch + lanesAt;
    this.#wasm.checksumStart(lanes);
    this.#wasm.checksumAdd(lanes, address, length);
    return this.#wasm.checksumFold(lanes, length) >>> 0;
  }

  #bytes(address: number, length: number): Uint8Array {
    return new Uint8Array(this.#memory.buffer, address, length);
  }
}
