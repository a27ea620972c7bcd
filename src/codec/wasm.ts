/**
 * The codec on a WebAssembly memory. Tensors and frames are addresses in that memory, and nothing is copied. The coroutines
 * of wasm/ do the work; this class checks headers and chooses the mode.
 */
import { rectifying, twinned } from "./bound.js";
import { type Choice, suits, usualSaving } from "./dense/choice.js";
import { TablesReader } from "./dense/tables.js";
import {
  type Header,
  lengthOf,
  readHeader,
  secondVersion,
  versionAt,
  writeChecksum,
  writeHeader,
  writeLength,
} from "./frame.js";
import type { CodecExports } from "./instantiate.js";
import { scratchBytes } from "./limits.js";
import { type EncodeOptions, headerFor, leastPayload } from "./options.js";
import { zerosApart } from "./stages/predict.js";
import { CodecKernels } from "./wasm/codec-kernels.js";
import type { Coroutine } from "./wasm/coroutine.js";
import { chooseDense, decodingDense, encodingDense } from "./wasm/dense.js";
import { decodingFast, encodingFast } from "./wasm/fast.js";
import { checkedBytes, payloadEnd, unsuited } from "./wasm/results.js";
import {
  type FrameSink,
  type FrameSource,
  type OnPart,
  type Place,
  put,
  ResidentSink,
  ResidentSource,
} from "./wasm/stream.js";

/** Encoding options with the model and tables that `chooseAt` returned. */
interface Guided extends EncodeOptions {
  choice?: Choice | null;
}

interface Decoding {
  rectified?: boolean;
  positive?: number | undefined;
  sealed?: boolean;
}

export class WasmCodec {
  readonly #kernels: CodecKernels;
  readonly #tables: TablesReader;

  /**
   * `scratch`: the address (a multiple of 16) of `scratchBytes` bytes that belong to this codec for as long as it is used.
   * `exports` may hold more than the codec. Codecs that decode parts of the same tensors may share a `tables` reader.
   */
  constructor(exports: object, memory: WebAssembly.Memory, scratch: number, tables = new TablesReader()) {
    this.#kernels = new CodecKernels(exports as CodecExports, memory, scratch);
    this.#tables = tables;
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
  ): Coroutine<number> {
    const values = new Float32Array(this.#kernels.memory.buffer, x, length);
    const sink = new ResidentSink(this.#kernels.memory, out, capacity);
    const bytes = yield* this.encodingTo(sink, () => x, values, { ...options, shape });
    if (bytes >= 0) {
      const frame = this.#kernels.bytes(out, bytes);
      writeLength(frame, bytes);
      writeChecksum(frame, sealed ? yield* this.#kernels.summing(out + 8, bytes - 8) : 0);
    }
    return bytes;
  }

  /** Makes the calls of a coroutine on this thread. */
  run<Result>(coroutine: Coroutine<Result>): Result {
    return this.#kernels.run(coroutine);
  }

  /**
   * The model and tables with which `encodeAt` would encode these values; null means fast mode. If they are
   * passed back to `encodeAt` as `choice`, with the same mode, quantizer and bound, it skips the search,
   * which takes longer than the rest for small tensors. Parts of one tensor can share one choice. A choice
   * that fits badly costs bytes; it never breaks the bound. `saving`: the part of fast mode's bytes that dense
   * mode must save under `auto`.
   */
  chooseAt(
    x: number,
    length: number,
    shape: readonly number[],
    options: Omit<EncodeOptions, "shape">,
    saving = usualSaving,
  ): Choice | null {
    const header = headerFor(new Float32Array(this.#kernels.memory.buffer, x, length), { ...options, shape });
    this.configure(header);
    return header.mode === "dense"
      ? chooseDense(this.#kernels, header, () => x, options.mode === "auto" ? saving : null)
      : null;
  }

  /**
   * Encodes values that `place` makes available, and passes the frame to `sink`. Returns the frame's bytes,
   * or −1 if they do not fit. The caller must still call sealHeader.
   */
  *encodingTo(sink: FrameSink, place: Place, values: Float32Array, options: Guided): Coroutine<number> {
    const header = headerFor(values, options);
    this.configure(header);
    const saving = options.mode === "auto" ? usualSaving : null;
    const search = () => chooseDense(this.#kernels, header, place, saving);
    const choice = header.mode === "fast" ? null : options.choice === undefined ? search() : options.choice;
    const fits = choice !== null && suits(choice, header.quantization);
    const dense = fits ? yield* this.#encodingAs(header, choice, place, sink) : unsuited;
    if (dense !== unsuited) return dense;
    return yield* this.#encodingAs({ ...header, mode: "fast" }, null, place, sink);
  }

  *#encodingAs(header: Header, choice: Choice | null, place: Place, sink: FrameSink): Coroutine<number> {
    sink.restart();
    const head = put(sink, this.#kernels.memory, writeHeader(header));
    if (head < 0) return head;
    this.configure(header);
    const payload = choice
      ? yield* encodingDense(this.#kernels, header, choice, place, sink)
      : yield* encodingFast(this.#kernels, header, place, sink);
    if (payload < 0) return payload;
    const apart = choice !== null && zerosApart(choice.model.predictor);
    if (apart || this.#kernels.exports.hasMask(this.#kernels.scratch)) sink.amend(versionAt, secondVersion);
    return head + payload;
  }

  /** Reads the header of the frame at address `frame`. Throws a FrameError that names the field. */
  headerAt(frame: number, frameBytes: number): Header & { payload: number } {
    const checksum = () => this.checksum(frame + 8, frameBytes - 8);
    return this.headerOf(this.#kernels.bytes(frame, frameBytes), checksum);
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
    { rectified = false, positive = 0, sealed = true }: Decoding = {},
  ): Coroutine<void> {
    const sum = sealed ? yield* this.#kernels.summing(frame + 8, Math.max(0, frameBytes - 8)) : 0;
    const header = this.headerOf(this.#kernels.bytes(frame, frameBytes), () => sum);
    if (rectified) header.quantization = rectifying(header.quantization);
    else if (positive !== 0) header.quantization = twinned(header.quantization, positive - out);
    yield* this.decodingFrom(new ResidentSource(this.#kernels.bytes(frame, frameBytes)), header, () => out);
  }

  /**
   * Decodes to the addresses that `place` returns. `onPart` is called after each part, and may copy the part
   * away before the next one replaces it.
   */
  *decodingFrom(
    source: FrameSource,
    header: Header & { payload: number },
    place: Place,
    onPart: OnPart = () => {},
  ): Coroutine<void> {
    this.configure(header);
    const end =
      header.mode === "dense"
        ? yield* decodingDense(this.#kernels, header, source, this.#tables, place, onPart)
        : yield* decodingFast(this.#kernels, header, source, place, onPart);
    if (end !== source.bytes.length) checkedBytes(payloadEnd);
  }

  configure(header: Header): void {
    this.#kernels.configure(header);
  }

  /** The checksum of bytes elsewhere, of which `room` (whole stripes) at a time are copied to `at`. */
  checksumOf(bytes: Uint8Array, at: number, room: number): number {
    return this.#kernels.checksumOf(bytes, at, room);
  }

  checksum(address: number, length: number): number {
    return this.run(this.#kernels.summing(address, length));
  }
}
