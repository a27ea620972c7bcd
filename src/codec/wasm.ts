/**
 * The codec on a WebAssembly memory: tensors and frames are addresses in it, nothing is copied.
 */
import { FrameError } from "../error.js";
import { ByteReader, ByteWriter } from "./bytes.js";
import {
  type Choice,
  choose,
  paysOff,
  planCapacity,
  type Rows,
  readPlan,
  readTables,
  suits,
  writePlan,
  writeTables,
} from "./dense.js";
import { type Header, lagOf, lengthOf, readHeader, sealHeader, writeHeader } from "./frame.js";
import { type Layout, layoutOf, valuesOf } from "./layout.js";
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
  tallyDense(scratch: number, x: number, strip: number, y0: number, rows: number): number;
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

function* windowsOf(length: number): Generator<[first: number, count: number]> {
  for (let first = 0; first < length; first += windowLength)
    yield [first, Math.min(windowLength, length - first)];
}

function complain(answer: number): number {
  if (answer >= 0) return answer;
  throw new FrameError({
    where: complaints[-1 - answer] ?? "payload",
    expected: "what an encoder writes",
    got: "something else",
    remedy: "encode the tensor again: these bytes are damaged",
  });
}

/**
 * A tensor that need not lie in the memory as a whole: brings values first … first + count − 1 there, until the next
 * call, and returns the address that value 0 would have beside them.
 */
export type Place = (first: number, count: number) => number;

/** Values that fast mode takes at a time, whole chunks; dense mode takes two segments, which are no more. */
export const windowLength = 1 << 18;

/** With what `chooseAt` found. */
interface Guided extends EncodeOptions {
  choice?: Choice | null;
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
    options: Omit<Guided, "shape">,
    out: number,
    capacity: number,
  ): number {
    const values = new Float32Array(this.#memory.buffer, x, length);
    return this.encodeFrom(() => x, values, { ...options, shape }, out, capacity);
  }

  /**
   * How `encodeAt` would encode these values: null is fast mode. Given back to it in `choice`, with the same mode,
   * quantizer and bound, it spares the search, which for small tensors takes longer than all the rest: parts of one
   * tensor can share one. A choice that does not suit costs bytes, never the bound.
   */
  chooseAt(
    x: number,
    length: number,
    shape: readonly number[],
    options: Omit<EncodeOptions, "shape">,
  ): Choice | null {
    const header = headerFor(new Float32Array(this.#memory.buffer, x, length), { ...options, shape });
    this.configure(header);
    return header.mode === "dense" ? this.#choose(header, options.mode === "auto", () => x) : null;
  }

  /** The same for `values` that `place` brings along. */
  encodeFrom(place: Place, values: Float32Array, options: Guided, out: number, capacity: number): number {
    const header = headerFor(values, options);
    this.configure(header);
    const search = () => this.#choose(header, options.mode === "auto", place);
    const choice = header.mode === "fast" ? null : options.choice === undefined ? search() : options.choice;
    const fits = choice !== null && suits(choice, header.quantization);
    const dense = fits ? this.#encodeAs(header, choice, place, out, capacity) : unsuited;
    return dense === unsuited
      ? this.#encodeAs({ ...header, mode: "fast" }, null, place, out, capacity)
      : dense;
  }

  #encodeAs(header: Header, choice: Choice | null, place: Place, out: number, capacity: number): number {
    const head = writeHeader(header);
    if (head.length > capacity) return -1;
    this.#bytes(out, head.length).set(head);
    this.configure(header);
    const room = capacity - head.length;
    const payload = choice
      ? this.#encodeDense(header, choice, place, out + head.length, room)
      : this.#encodeFast(lengthOf(header.shape), place, out + head.length, room);
    if (payload < 0) return payload;
    const frameBytes = head.length + payload;
    sealHeader(this.#bytes(out, frameBytes), frameBytes, () => this.checksum(out + 8, frameBytes - 8));
    return frameBytes;
  }

  #encodeFast(length: number, place: Place, out: number, capacity: number): number {
    let at = 0;
    for (const [first, count] of windowsOf(length)) {
      const x = place(first, count) + 4 * first;
      const bytes = this.#wasm.encodeFast(this.#scratch, x, count, first, out + at, capacity - at);
      if (bytes < 0) return bytes;
      at += bytes;
    }
    return at;
  }

  #choose(header: Header, auto: boolean, place: Place): Choice | null {
    const length = lengthOf(header.shape);
    const layout = layoutOf(header.shape, length);
    const tally = (counts: Uint32Array, sample: Rows[], plan: Plan) =>
      this.#tally(counts, place, sample, layout, plan);
    const fastBytes = (first: number, count: number) => {
      // A plan in half steps may have been the last.
      this.configure(header);
      return this.#wasm.trialFast(this.#scratch, place(first, count) + 4 * first, count, first);
    };
    const pays = (bytes: number) => !auto || paysOff(bytes, length, fastBytes);
    return choose(tally, layout, header.quantization, pays);
  }

  #encodeDense(header: Header, choice: Choice, place: Place, out: number, capacity: number): number {
    const layout = layoutOf(header.shape, lengthOf(header.shape));
    const head = new ByteWriter(planCapacity);
    writePlan(head, choice.plan);
    writeTables(head, choice.tables);
    if (head.at > capacity) return -1;
    this.#bytes(out, head.at).set(head.written());
    this.#configureDense(layout, choice.plan);
    this.#giveCodes(choice.tables, true);
    this.#wasm.prepareEncoder(this.#scratch);
    let at = out + head.at;
    for (let s = 0; s < layout.strips; s += layout.stripsPerSegment) {
      const strips = Math.min(layout.stripsPerSegment, layout.strips - s);
      const x = place(...valuesOf(layout, s, strips));
      const bytes = this.#wasm.encodeDense(this.#scratch, x, s, strips, at, out + capacity - at);
      if (bytes < 0) return bytes;
      at += bytes;
    }
    return at - out;
  }

  #tally(counts: Uint32Array, place: Place, sample: Rows[], layout: Layout, plan: Plan): number {
    const own = new Uint32Array(this.#memory.buffer, this.#wasm.countsAddress(this.#scratch), counts.length);
    own.fill(0);
    this.#configureDense(layout, plan);
    let sum = 0;
    for (const { strip, y0, rows } of sample) {
      const x = place(...valuesOf(layout, strip, 1));
      const part = this.#wasm.tallyDense(this.#scratch, x, strip, y0, rows);
      if (part < 0) return -1;
      sum += part;
    }
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
    this.decodeTo(() => out, frame, frameBytes);
  }

  /** The same for values that go where `place` says; `onPart` may take them away before its next call. */
  decodeTo(
    place: Place,
    frame: number,
    frameBytes: number,
    onPart?: (first: number, count: number) => void,
  ): void {
    const header = this.headerAt(frame, frameBytes);
    this.configure(header);
    const payload = frame + header.payload;
    const bytes = frameBytes - header.payload;
    let at = 0;
    if (header.mode === "dense") at = this.#decodeDense(header, payload, bytes, place, onPart);
    else {
      for (const [first, count] of windowsOf(lengthOf(header.shape))) {
        const x = place(first, count) + 4 * first;
        at += complain(this.#wasm.decodeFast(this.#scratch, payload + at, bytes - at, x, count, first));
        onPart?.(first, count);
      }
    }
    if (at !== bytes) complain(-6);
  }

  #decodeDense(
    { shape, quantization }: Header,
    payload: number,
    bytes: number,
    place: Place,
    onPart?: (first: number, count: number) => void,
  ): number {
    const layout = layoutOf(shape, lengthOf(shape));
    const input = new ByteReader(this.#bytes(payload, bytes));
    const plan = readPlan(input, quantization);
    const tables = readTables(input);
    this.#configureDense(layout, plan);
    this.#giveCodes(tables, false);
    this.#wasm.prepareDecoder(this.#scratch);
    let at = input.at;
    // Two segments at a time: the kernel takes them in step.
    const each = layout.stripsPerSegment;
    for (let s = 0; s < layout.strips; s += 2 * each) {
      const strips = Math.min(each, layout.strips - s);
      const more = Math.min(each, layout.strips - s - strips);
      const [first, count] = valuesOf(layout, s, strips + more);
      const x = place(first, count);
      at += complain(this.#wasm.decodeDense(this.#scratch, x, s, strips, more, payload + at, bytes - at));
      onPart?.(first, count);
    }
    return at;
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
