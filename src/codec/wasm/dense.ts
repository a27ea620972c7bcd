/** Dense mode's payload: the choice of its model, then a segment a call, or two of them in the decoder. */
import { ByteReader, ByteWriter } from "../bytes.js";
import { type Choice, choose, mostBytes, type Rows } from "../dense/choice.js";
import { layoutOf, valuesOf } from "../dense/layout.js";
import { type DenseModel, modelBytes, readModel, writeModel } from "../dense/model.js";
import type { TablesReader } from "../dense/tables.js";
import { type Header, lengthOf } from "../frame.js";
import type { CodecKernels } from "./codec-kernels.js";
import type { Coroutine } from "./coroutine.js";
import { type FrameSink, type FrameSource, type OnPart, type Place, put, reading } from "./stream.js";

/**
 * The model and tables of least cost; null if fast mode serves the tensor better. `saving`: the part of fast mode's bytes
 * that dense mode must save; null if it is taken in any case.
 */
export function chooseDense(
  kernels: CodecKernels,
  header: Header,
  place: Place,
  saving: number | null,
): Choice | null {
  const { exports, scratch } = kernels;
  const length = lengthOf(header.shape);
  const layout = layoutOf(header.shape, length);

  function tally(counts: Uint32Array | null, sample: Rows[], model: DenseModel): number {
    if (counts !== null) exports.startCounts(scratch);
    kernels.configureDense(layout, model);
    let sum = 0;
    for (const { strip, y0, rows } of sample) {
      const x = place(...valuesOf(layout, strip, 1));
      const part = exports.tallyDense(scratch, x, strip, y0, rows, Number(counts !== null));
      if (part < 0) return -1;
      sum += part;
    }
    counts?.set(new Uint32Array(kernels.memory.buffer, exports.countsAddress(scratch) >>> 0, counts.length));
    return sum;
  }

  function fastBytes(first: number, count: number): number {
    // A model in half steps, which may have been tried last, has changed the quantizer's settings.
    kernels.configure(header);
    return exports.trialFast(scratch, place(first, count) + 4 * first, count, first);
  }

  const limit = () => (saving === null ? Number.POSITIVE_INFINITY : mostBytes(length, fastBytes, saving));
  return choose(tally, layout, header.quantization, limit);
}

/** Returns the payload's bytes, −1 if they do not fit, or `unsuited`. */
export function* encodingDense(
  kernels: CodecKernels,
  { shape }: Header,
  { model, tables }: Choice,
  place: Place,
  sink: FrameSink,
): Coroutine<number> {
  const { memory, scratch } = kernels;
  const layout = layoutOf(shape, lengthOf(shape));
  const out = new ByteWriter(modelBytes);
  writeModel(out, model);
  let sum = 0;
  for (const part of [out.written(), tables.bytes]) {
    const bytes = put(sink, memory, part);
    if (bytes < 0) return bytes;
    sum += bytes;
  }
  kernels.configureDense(layout, model);
  kernels.setTables(tables, true);
  yield ["prepareEncoder", [scratch]];
  for (let s = 0; s < layout.strips; s += layout.stripsPerSegment) {
    const strips = Math.min(layout.stripsPerSegment, layout.strips - s);
    const x = place(...valuesOf(layout, s, strips));
    const bytes = yield ["encodeDense", [scratch, x, s, strips, sink.at, sink.room]];
    if (bytes < 0) return bytes;
    sink.take(bytes);
    sum += bytes;
  }
  return sum;
}

/** Returns the payload's end. */
export function* decodingDense(
  kernels: CodecKernels,
  { shape, quantization, payload }: Header & { payload: number },
  source: FrameSource,
  tablesReader: TablesReader,
  place: Place,
  onPart: OnPart,
): Coroutine<number> {
  const { scratch } = kernels;
  const layout = layoutOf(shape, lengthOf(shape));
  const input = new ByteReader(source.bytes.subarray(payload));
  kernels.configureDense(layout, readModel(input, quantization));
  kernels.setTables(tablesReader.read(input), false);
  yield ["prepareDecoder", [scratch]];
  let at = payload + input.at;
  // The kernel decodes two segments at a time, in step.
  const each = layout.stripsPerSegment;
  for (let s = 0; s < layout.strips; s += 2 * each) {
    const strips = Math.min(each, layout.strips - s);
    const more = Math.min(each, layout.strips - s - strips);
    const [first, count] = valuesOf(layout, s, strips + more);
    const x = place(first, count);
    at += yield* reading(source, at, (from, available) => [
      "decodeDense",
      [scratch, x, s, strips, more, from, available],
    ]);
    onPart(first, count);
  }
  return at;
}
