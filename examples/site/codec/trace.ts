/**
 * What the codec made of each value of a plane: the integer of the quantiser, what was predicted of it, the code of the
 * difference, and the bits that this code takes. A frame does not store these numbers side by side, so they are computed
 * again with the codec's own stages, under the choices that the frame names.
 */
import { ByteReader } from "../../../src/codec/bytes.js";
import { checksum } from "../../../src/codec/checksum.js";
import { heightOf, type Layout, lanes, layoutOf } from "../../../src/codec/dense/layout.js";
import {
  contextOf,
  type DenseModel,
  firstDivided,
  readModel,
  symbolOf,
} from "../../../src/codec/dense/model.js";
import { decodeSegment, largestOf, mostEscapes } from "../../../src/codec/dense/segment.js";
import { chunkLength, decodeChunk } from "../../../src/codec/fast/chunk.js";
import { type Header, lagOf, readHeader } from "../../../src/codec/frame.js";
import { bridge, refillRow } from "../../../src/codec/stages/bridge.js";
import { bitLength, blockLength } from "../../../src/codec/stages/pack.js";
import {
  apart,
  expect,
  inHalves,
  lanePredictors,
  type Predictor,
  predict,
  predictors,
  zerosApart,
  zigzag,
} from "../../../src/codec/stages/predict.js";
import { floorOf, orderedBits, quantize } from "../../../src/codec/stages/quantize.js";
import { escapeSymbol, readTables, symbols, type Tables } from "../../../src/codec/stages/rans.js";

/** Of each value of a range, in the tensor's order. */
export interface Trace {
  /** The quantiser's integer; for a raw value the integer that stands in its place. */
  integer: Int32Array;
  prediction: Int32Array;
  /** The folded difference of integer and prediction. */
  code: Uint32Array;
  /** The bits of the code, with those of a raw value; 0 for one in a mask, which many values share. */
  bits: Float32Array;
  /** 1 where the float32 itself is stored, 2 where it is one of the words of a mask. */
  raw: Uint8Array;
  /** How integers were predicted; it may change from one chunk of the tensor to the next. */
  predictor: string;
}

interface Range {
  begin: number;
  end: number;
}

const emptyTrace = (length: number): Trace => ({
  integer: new Int32Array(length),
  prediction: new Int32Array(length),
  code: new Uint32Array(length),
  bits: new Float32Array(length),
  raw: new Uint8Array(length),
  predictor: "",
});

/** Traces values [begin, end) of x, of which `frame` is the frame. */
export function trace(x: Float32Array, frame: Uint8Array, range: Range): Trace {
  const header = readHeader(frame, checksum);
  const input = new ByteReader(frame);
  input.at = header.payload;
  const found = emptyTrace(range.end - range.begin);
  const used = new Set<string>();
  if (header.mode === "fast") traceFast(x, input, header, range, found, used);
  else traceDense(x, input, header, range, found, used);
  found.predictor = [...used].join(", ");
  return found;
}

const wrap = (value: number, bits: 16 | 32): number => (bits === 16 ? (value << 16) >> 16 : value | 0);

function traceFast(
  x: Float32Array,
  input: ByteReader,
  { shape, quantization }: Header,
  range: Range,
  found: Trace,
  used: Set<string>,
): void {
  const lag = lagOf(shape);
  for (let first = 0; first < Math.min(x.length, range.end); first += chunkLength) {
    const values = x.subarray(first, first + chunkLength);
    const kind = input.bytes[input.at]!;
    decodeChunk(new Float32Array(values.length), input, first, lag, quantization);
    if (first + values.length <= range.begin) continue;
    const [form, exact, gapless] = [kind & 7, (kind & 16) !== 0, (kind & 64) !== 0];
    const bits = (kind & 8) !== 0 ? 32 : 16;
    const q = new Int32Array(values.length);
    const raw = new Uint8Array(values.length);
    if (exact) {
      const words = new Int32Array(values.slice().buffer);
      for (let i = 0; i < q.length; i++) q[i] = orderedBits(words[i]!);
      raw.fill(1);
    } else for (const i of quantize(q, values, first, quantization)) raw[i] = 1;
    if (gapless) {
      for (let i = 0; i < q.length; i++) {
        if (q[i] === 0) raw[i] = 1;
        else if (q[i]! > 0) q[i]!--;
      }
    }
    // The holes of a mask have no code of their own: each has the integer that is predicted for it.
    const masked = (kind & 128) !== 0;
    const holes = masked ? raw.slice() : new Uint8Array(raw.length);
    if (masked) for (let i = 0; i < raw.length; i++) raw[i]! *= 2;
    const predictor = (form < 4 ? form : 0) as Predictor;
    const [constant, sparse] = [form === 5, form >= 6];
    used.add(constant ? "one integer for all" : sparse ? "zeros in a bitmap" : predictors[predictor]);
    const r = new Int32Array(q.length);
    if (masked) {
      const residuals = bridge(q, holes, predictor, lag, bits);
      let next = 0;
      for (let i = 0; i < r.length; i++) r[i] = holes[i] ? 0 : residuals[next++]!;
    } else predict(r, q, predictor, lag, bits);
    const unsigned = form === 4 || form === 7;
    const u = Uint32Array.from(
      r,
      (value) => (unsigned ? value : zigzag(value, bits)) - (sparse && value !== 0 ? 1 : 0),
    );
    const each = constant ? new Float32Array(q.length) : widthsOf(u, q, holes, sparse, bits === 32);
    for (let i = Math.max(0, range.begin - first); i < Math.min(q.length, range.end - first); i++) {
      const to = first + i - range.begin;
      found.integer[to] = q[i]!;
      found.prediction[to] = constant ? q[i]! : wrap(q[i]! - r[i]!, bits);
      found.code[to] = constant ? 0 : u[i]!;
      // A raw value has a position of 16 bits and its word beside the code that stands in its place.
      found.bits[to] = each[i]! + (raw[i] === 1 && !exact ? 48 : 0);
      found.raw[to] = raw[i]!;
    }
  }
}

/** The bits of each integer: the width of its block, and the bit of the bitmap. */
function widthsOf(
  u: Uint32Array,
  q: Int32Array,
  holes: Uint8Array,
  sparse: boolean,
  wide: boolean,
): Float32Array {
  const bits = new Float32Array(u.length).fill(sparse ? 1 : 0);
  const kept = Array.from(u.keys()).filter((i) => !holes[i] && (!sparse || q[i] !== 0));
  for (let start = 0; start < kept.length; start += blockLength) {
    const block = kept.slice(start, start + blockLength);
    let width = bitLength(block.reduce((all, i) => all | u[i]!, 0));
    // A nibble of 15 stands for 16.
    if (!wide && width === 15) width = 16;
    for (const i of block) bits[i]! += width;
  }
  return bits;
}

function traceDense(
  x: Float32Array,
  input: ByteReader,
  { shape, quantization }: Header,
  range: Range,
  found: Trace,
  used: Set<string>,
): void {
  const model = readModel(input, quantization);
  const tables = readTables(input);
  const layout = layoutOf(shape, x.length);
  used.add(lanePredictors[model.predictor]!);
  const stripLength = lanes * layout.height * layout.width;
  const scratch = new Float32Array(x.length);
  for (let first = 0; first < layout.strips; first += layout.stripsPerSegment) {
    const count = Math.min(layout.stripsPerSegment, layout.strips - first);
    const masked = hasMask(input);
    decodeSegment(scratch, input, layout, first, count, model, tables, quantization);
    for (let s = first; s < first + count; s++) {
      if ((s + 1) * stripLength <= range.begin || s * stripLength >= range.end) continue;
      traceStrip(x, s, { layout, model, tables, masked, quantization }, range, found);
    }
  }
}

/** Whether the segment that begins at the reader's place has a mask: then it lists more raw values than it may. */
function hasMask({ bytes, at }: ByteReader): boolean {
  const head = new ByteReader(bytes);
  head.at = at;
  head.varint("segment words");
  head.varint("segment large symbols");
  return head.varint("segment escape count") > mostEscapes;
}

interface Coding {
  layout: Layout;
  model: DenseModel;
  tables: Tables;
  masked: boolean;
  quantization: Header["quantization"];
}

function traceStrip(x: Float32Array, s: number, coding: Coding, range: Range, found: Trace): void {
  const { layout, model, masked, quantization } = coding;
  const { width } = layout;
  const height = heightOf(layout, s);
  const z = new Uint16Array(lanes * height * width);
  const place = new Int32Array(z.length).fill(-1);
  const holes = new Uint8Array(z.length);
  for (let lane = 0; lane < lanes; lane++) {
    const first = s * lanes * layout.height * width + lane * height * width;
    const values = x.subarray(Math.min(first, x.length), Math.min(first + height * width, x.length));
    const q = new Int32Array(height * width);
    const raw = integersOf(q, values, first, model, quantization);
    const isHole = (i: number) => masked && raw[i] === 1;
    for (let i = 0; i < q.length; i++) {
      const expected = expect(q, i, width, model.predictor);
      if (isHole(i)) q[i] = expected;
      else if (inHalves(model.predictor)) q[i]! += (q[i]! ^ expected) & 1;
      const r = wrap(q[i]! - expected, 16);
      const folded = zigzag(inHalves(model.predictor) ? r >> 1 : r, 16);
      z[i * lanes + lane] = zerosApart(model.predictor) && !isHole(i) ? apart(folded, q[i]!) : folded;
      holes[i * lanes + lane] = Number(isHole(i));
      const to = first + i - range.begin;
      if (i < values.length && to >= 0 && to < found.integer.length) {
        place[i * lanes + lane] = to;
        found.integer[to] = q[i]!;
        found.prediction[to] = expected;
        found.code[to] = z[i * lanes + lane]!;
        found.raw[to] = isHole(i) ? 2 : raw[i]!;
        // A raw value has its index and its word.
        found.bits[to] = found.raw[to] === 1 ? 64 : 0;
      }
      if ((i + 1) % width === 0) refillRow(q, i + 1 - width, width, isHole);
    }
  }
  addCodeBits(z, holes, place, coding, found.bits);
}

/** Writes a lane's integers; returns 1 where the value is raw. */
function integersOf(
  q: Int32Array,
  values: Float32Array,
  first: number,
  { predictor, gapless }: DenseModel,
  quantization: Header["quantization"],
): Uint8Array {
  const raw = new Uint8Array(q.length);
  if (inHalves(predictor)) {
    for (let i = 0; i < values.length; i++) {
      const floor = floorOf(values[i]!, quantization.positive);
      raw[i] = Number.isNaN(floor) ? 1 : 0;
      q[i] = raw[i] ? 0 : floor;
    }
    return raw;
  }
  for (const i of quantize(q.subarray(0, values.length), values, first, quantization)) raw[i] = 1;
  for (let i = 0; i < values.length; i++) {
    if (Math.abs(q[i]!) > largestOf(predictor) || (gapless && q[i] === 0)) raw[i] = 1;
    if (raw[i]) q[i] = 0;
    else if (gapless && q[i]! > 0) q[i]!--;
  }
  return raw;
}

/** Adds what the entropy coder spends on each code: log2 of the reciprocal of its frequency in its context. */
function addCodeBits(
  z: Uint16Array,
  holes: Uint8Array,
  place: Int32Array,
  { layout, model, tables: { top, frequency } }: Coding,
  bits: Float32Array,
): void {
  const step = lanes * layout.width;
  let above = new Uint8Array(step);
  for (let start = 0; start < z.length; start += step) {
    const row = new Uint8Array(step);
    for (let i = 0; i < step; i++) {
      // A hole is not coded; for contexts it has the symbol on its left.
      if (holes[start + i]) {
        row[i] = i >= lanes ? row[i - lanes]! : 0;
        continue;
      }
      const context = contextOf(row, above, i, model);
      const divided = firstDivided(model.predictor);
      const symbol = symbolOf(z[start + i]!, model.low, divided);
      const large = symbol > top[context]!;
      row[i] = large ? escapeSymbol : symbol;
      const to = place[start + i]!;
      if (to < 0) continue;
      const share = frequency[context * symbols + row[i]!]! / 2048;
      bits[to]! += -Math.log2(share) + (large ? 16 : 0) + (symbol >= divided ? model.low : 0);
    }
    above = row;
  }
}
