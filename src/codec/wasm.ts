/** The codec on a WebAssembly memory: tensors and frames are addresses in it, and nothing is copied. */
import { complain, truncated, unsuited } from "./answers.js";
import { rectifying, twinned } from "./bound.js";
import { ByteReader, ByteWriter } from "./bytes.js";
import { codesOf, nextTables, tablesBytes } from "./codes.js";
import { alone, type Call, type Work } from "./coroutine.js";
import { type Choice, choose, paysOff, planBytes, type Rows, readPlan, suits, writePlan } from "./dense.js";
import {
  type Header,
  lagOf,
  lengthOf,
  readHeader,
  writeChecksum,
  writeHeader,
  writeLength,
} from "./frame.js";
import { type Layout, layoutOf, valuesOf } from "./layout.js";
import type { CodecExports } from "./module.js";
import { type EncodeOptions, headerFor, leastPayload } from "./options.js";
import { scratchBytes, windowsOf } from "./room.js";
import type { Plan } from "./stages/model.js";
import type { Tables } from "./stages/rans.js";
import { ResidentSink, ResidentSource, type Sink, type Source } from "./stream.js";

/** The checksum's lanes lie at the end of the scratch. */
const lanesAt = scratchBytes - 64;

/** Indexed by the numbers that the kernels use; 4 is used inside dense mode only. */
const quantizers = ["lossless", "support", "paper", "dithered", null, "signed"];

const packed = (thresholds: number[]): number =>
  thresholds[0]! | (thresholds[1]! << 8) | (thresholds[2]! << 16);

/**
 * Gives access to a tensor that need not lie in the memory as a whole. It makes values first … first + count
 * − 1 available until the next call. It returns the address of value 0, as if the whole tensor lay around
 * those values.
 */
export type Place = (first: number, count: number) => number;

/** Encoding options with the plan and tables that `chooseAt` returned. */
interface Guided extends EncodeOptions {
  choice?: Choice | null;
}

export class WasmCodec {
  readonly #wasm: CodecExports;
  readonly #memory: WebAssembly.Memory;
  readonly #scratch: number;

  /**
   * `scratch` is the address (a multiple of 16) of `scratchBytes` bytes that only this codec may use.
   * `exports` may contain other functions besides the codec's.
   */
  constructor(exports: object, memory: WebAssembly.Memory, scratch: number) {
    this.#wasm = exports as CodecExports;
    this.#memory = memory;
    this.#scratch = scratch;
    this.#wasm.initialize(scratch);
  }

  static readonly scratchBytes = scratchBytes;

  /**
   * Encodes `length` float32 values at `x` (4-byte aligned) to `out`. Returns the frame's bytes, or −1 if
   * they exceed `capacity`; the bytes at `out` are then undefined, and nothing beyond `capacity` is touched.
   */
  encodeAt(
    x: number,
    length: number,
    shape: readonly number[],
    options: Omit<Guided, "shape">,
    out: number,
    capacity: number,
  ): number {
    return this.run(this.encoding(x, length, shape, options, out, capacity));
  }

  /**
   * encodeAt as a coroutine, which can run beside others that have a scratch of their own. With `sealed:
   * false` the frame has no checksum and must not leave this memory.
   */
  *encoding(
    x: number,
    length: number,
    shape: readonly number[],
    options: Omit<Guided, "shape">,
    out: number,
    capacity: number,
    { sealed = true } = {},
  ): Work<number> {
    const values = new Float32Array(this.#memory.buffer, x, length);
    const sink = new ResidentSink(out, capacity);
    const bytes = yield* this.encodingTo(sink, () => x, values, { ...options, shape });
    if (bytes >= 0) {
      const frame = this.#bytes(out, bytes);
      writeLength(frame, bytes);
      writeChecksum(frame, sealed ? yield* this.#summing(out + 8, bytes - 8) : 0);
    }
    return bytes;
  }

  /** Runs a coroutine to its end on this codec's own kernels. */
  run<Result>(work: Work<Result>): Result {
    const kernels = this.#wasm as unknown as Record<string, (...args: readonly number[]) => number>;
    return alone(work, (kernel, args) => kernels[kernel]!(...args));
  }

  /**
   * The plan and tables with which `encodeAt` would encode these values; null means fast mode. If they are
   * passed back to `encodeAt` as `choice`, with the same mode, quantizer and bound, it skips the search,
   * which takes longer than the rest for small tensors. Parts of one tensor can share one choice. A choice
   * that fits badly costs bytes; it never breaks the bound.
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

  /**
   * Encodes values that `place` makes available, and passes the frame to `sink`. Returns the frame's bytes,
   * or −1 if they do not fit. The caller must still call sealHeader.
   */
  *encodingTo(sink: Sink, place: Place, values: Float32Array, options: Guided): Work<number> {
    const header = headerFor(values, options);
    this.configure(header);
    const search = () => this.#choose(header, options.mode === "auto", place);
    const choice = header.mode === "fast" ? null : options.choice === undefined ? search() : options.choice;
    const fits = choice !== null && suits(choice, header.quantization);
    const dense = fits ? yield* this.#encodingAs(header, choice, place, sink) : unsuited;
    if (dense !== unsuited) return dense;
    return yield* this.#encodingAs({ ...header, mode: "fast" }, null, place, sink);
  }

  *#encodingAs(header: Header, choice: Choice | null, place: Place, sink: Sink): Work<number> {
    sink.restart();
    const head = this.#put(sink, writeHeader(header));
    if (head < 0) return head;
    this.configure(header);
    const payload = choice
      ? yield* this.#encodingDense(header, choice, place, sink)
      : yield* this.#encodingFast(lengthOf(header.shape), place, sink);
    return payload < 0 ? payload : head + payload;
  }

  /** Copies bytes to the sink and returns their number, or −1 if they do not fit. */
  #put(sink: Sink, bytes: Uint8Array): number {
    if (bytes.length > sink.room) return -1;
    this.#bytes(sink.at, bytes.length).set(bytes);
    sink.take(bytes.length);
    return bytes.length;
  }

  *#encodingFast(length: number, place: Place, sink: Sink): Work<number> {
    let sum = 0;
    for (const [first, count] of windowsOf(length, sink.values)) {
      const x = place(first, count) + 4 * first;
      const bytes = yield ["encodeFast", [this.#scratch, x, count, first, sink.at, sink.room]];
      if (bytes < 0) return bytes;
      sink.take(bytes);
      sum += bytes;
    }
    return sum;
  }

  #choose(header: Header, auto: boolean, place: Place): Choice | null {
    const length = lengthOf(header.shape);
    const layout = layoutOf(header.shape, length);
    const tally = (counts: Uint32Array | null, sample: Rows[], plan: Plan) =>
      this.#tally(counts, place, sample, layout, plan);
    const fastBytes = (first: number, count: number) => {
      // The previous tally may have left the kernel configured for half steps.
      this.configure(header);
      return this.#wasm.trialFast(this.#scratch, place(first, count) + 4 * first, count, first);
    };
    const pays = (bytes: number) => !auto || paysOff(bytes, length, fastBytes);
    return choose(tally, layout, header.quantization, pays);
  }

  *#encodingDense(header: Header, choice: Choice, place: Place, sink: Sink): Work<number> {
    const layout = layoutOf(header.shape, lengthOf(header.shape));
    const plan = new ByteWriter(planBytes);
    writePlan(plan, choice.plan);
    let sum = 0;
    for (const part of [plan.written(), tablesBytes(choice.tables)]) {
      const bytes = this.#put(sink, part);
      if (bytes < 0) return bytes;
      sum += bytes;
    }
    this.#configureDense(layout, choice.plan);
    this.#giveCodes(choice.tables, true);
    yield ["prepareEncoder", [this.#scratch]];
    for (let s = 0; s < layout.strips; s += layout.stripsPerSegment) {
      const strips = Math.min(layout.stripsPerSegment, layout.strips - s);
      const x = place(...valuesOf(layout, s, strips));
      const bytes = yield ["encodeDense", [this.#scratch, x, s, strips, sink.at, sink.room]];
      if (bytes < 0) return bytes;
      sink.take(bytes);
      sum += bytes;
    }
    return sum;
  }

  #tally(counts: Uint32Array | null, place: Place, sample: Rows[], layout: Layout, plan: Plan): number {
    if (counts !== null) this.#wasm.startCounts(this.#scratch);
    this.#configureDense(layout, plan);
    let sum = 0;
    for (const { strip, y0, rows } of sample) {
      const x = place(...valuesOf(layout, strip, 1));
      const part = this.#wasm.tallyDense(this.#scratch, x, strip, y0, rows, Number(counts !== null));
      if (part < 0) return -1;
      sum += part;
    }
    if (counts !== null) {
      const at = this.#wasm.countsAddress(this.#scratch);
      counts.set(new Uint32Array(this.#memory.buffer, at, counts.length));
    }
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
    const { top } = tables;
    this.#bytes(this.#wasm.topsAddress(this.#scratch), top.length).set(top);
    const codes = codesOf(tables);
    const at = this.#wasm.codesAddress(this.#scratch, Number(encoding));
    new Uint32Array(this.#memory.buffer, at, codes.length).set(codes);
  }

  /** Reads the header of the frame at address `frame`. Throws a FrameError that names the field. */
  headerAt(frame: number, frameBytes: number): Header & { payload: number } {
    const checksum = () => this.checksum(frame + 8, frameBytes - 8);
    return this.headerOf(this.#bytes(frame, frameBytes), checksum);
  }

  /** Reads the header of a frame outside the memory. Throws a FrameError that names the field. */
  headerOf(bytes: Uint8Array, checksum: (from8: Uint8Array) => number): Header & { payload: number } {
    const header = readHeader(bytes, checksum);
    leastPayload(lengthOf(header.shape), bytes.length - header.payload, header.mode);
    return header;
  }

  /**
   * Decodes the frame at address `frame` to `out`, where there must be room for its values. `rectified`
   * returns 0 for negative values; it needs a quantizer that keeps signs. Throws a FrameError.
   */
  decodeAt(frame: number, frameBytes: number, out: number, rectified = false): void {
    this.run(this.decoding(frame, frameBytes, out, { rectified }));
  }

  /**
   * decodeAt as a coroutine, which can run beside others that have a scratch of their own. `positive` is an
   * address to which a rectified copy of the values is written as well. A frame encoded with `sealed: false`
   * has 0 as its checksum.
   */
  *decoding(
    frame: number,
    frameBytes: number,
    out: number,
    { rectified = false, positive = 0, sealed = true } = {},
  ): Work<void> {
    const sum = sealed ? yield* this.#summing(frame + 8, Math.max(0, frameBytes - 8)) : 0;
    const header = this.headerOf(this.#bytes(frame, frameBytes), () => sum);
    if (rectified) header.quantization = rectifying(header.quantization);
    else if (positive !== 0) header.quantization = twinned(header.quantization, positive - out);
    yield* this.decodingFrom(new ResidentSource(this.#bytes(frame, frameBytes)), header, () => out);
  }

  /**
   * Decodes to the addresses that `place` returns. `onPart` is called after each part, and may copy the part
   * away before the next one replaces it.
   */
  *decodingFrom(
    source: Source,
    header: Header & { payload: number },
    place: Place,
    onPart?: (first: number, count: number) => void,
  ): Work<void> {
    this.configure(header);
    let at = header.payload;
    if (header.mode === "dense") at = yield* this.#decodingDense(header, source, place, onPart);
    else {
      for (const [first, count] of windowsOf(lengthOf(header.shape), source.values)) {
        const x = place(first, count) + 4 * first;
        at += yield* this.#decodingPart(source, at, (payload, bytes) => [
          "decodeFast",
          [this.#scratch, payload, bytes, x, count, first],
        ]);
        onPart?.(first, count);
      }
    }
    if (at !== source.bytes.length) complain(-6);
  }

  /**
   * Runs a kernel that reads from offset `at` on, and repeats the call with more bytes visible if they end
   * too soon.
   */
  *#decodingPart(source: Source, at: number, call: (from: number, available: number) => Call): Work<number> {
    for (;;) {
      const answer = yield call(source.addressOf(at), Math.max(0, source.end - at));
      if (answer !== truncated || !source.more(at)) return complain(answer);
    }
  }

  /** Returns the frame offset after the last segment. */
  *#decodingDense(
    { shape, quantization, payload }: Header & { payload: number },
    source: Source,
    place: Place,
    onPart?: (first: number, count: number) => void,
  ): Work<number> {
    const layout = layoutOf(shape, lengthOf(shape));
    const input = new ByteReader(source.bytes.subarray(payload));
    const plan = readPlan(input, quantization);
    const tables = nextTables(input);
    this.#configureDense(layout, plan);
    this.#giveCodes(tables, false);
    yield ["prepareDecoder", [this.#scratch]];
    let at = payload + input.at;
    // The kernel decodes two segments in step, because their steps are independent.
    const each = layout.stripsPerSegment;
    for (let s = 0; s < layout.strips; s += 2 * each) {
      const strips = Math.min(each, layout.strips - s);
      const more = Math.min(each, layout.strips - s - strips);
      const [first, count] = valuesOf(layout, s, strips + more);
      const x = place(first, count);
      at += yield* this.#decodingPart(source, at, (from, available) => [
        "decodeDense",
        [this.#scratch, x, s, strips, more, from, available],
      ]);
      onPart?.(first, count);
    }
    return at;
  }

  configure({ shape, quantization }: Header): void {
    const { quantizer, positive, negative, seed, rectified = false, twin = 0 } = quantization;
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
      Number(rectified),
      twin,
    );
  }

  /**
   * Checksum of bytes outside the memory. They are copied to `at` in parts of `room` bytes, a multiple of 64.
   */
  checksumOf(bytes: Uint8Array, at: number, room: number): number {
    const lanes = this.#scratch + lanesAt;
    this.#wasm.checksumStart(lanes);
    for (let first = 0; first < bytes.length; first += room) {
      const part = bytes.subarray(first, first + room);
      this.#bytes(at, part.length).set(part);
      this.#wasm.checksumAdd(lanes, at, part.length);
    }
    return this.#wasm.checksumFold(lanes, bytes.length) >>> 0;
  }

  checksum(address: number, length: number): number {
    return this.run(this.#summing(address, length));
  }

  *#summing(address: number, length: number): Work<number> {
    const lanes = this.#scratch + lanesAt;
    this.#wasm.checksumStart(lanes);
    yield ["checksumAdd", [lanes, address, length]];
    return this.#wasm.checksumFold(lanes, length) >>> 0;
  }

  #bytes(address: number, length: number): Uint8Array {
    return new Uint8Array(this.#memory.buffer, address, length);
  }
}
