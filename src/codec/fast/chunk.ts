/**
 * Fast mode: each chunk of 16,384 values is coded independently. Its values are quantised, predicted, folded
 * to unsigned integers and packed in blocks of 64.
 *
 *   kind · [escapes | mask] · constant | [bitmap] widths blocks
 *
 * Each chunk chooses its own integer kind and predictor, and whether a bitmap marks its zeros.
 */
import { FrameError } from "../../error.js";
import type { Quantization } from "../bound.js";
import { type ByteReader, ByteWriter } from "../bytes.js";
import { bridge, unbridge } from "../stages/bridge.js";
import { type Mask, placeHoles, readMask, writeMask } from "../stages/mask.js";
import { bitLength, blockBytes, blockLength, pack, unpack } from "../stages/pack.js";
import { type Bits, type Predictor, predict, restore, unzigzag, zigzag } from "../stages/predict.js";
import { dequantize, orderedBits, quantize, rawValue } from "../stages/quantize.js";

export const chunkLength = 16384;
/** A chunk has a mask in place of a list of escapes if more than one value in this many escapes. */
const leastHoles = 256;

/**
 * The low three bits of the kind byte. Forms 0 to 3 are the predictors with folding; these four use no
 * predictor.
 */
const formNumbers = { unsigned: 4, constant: 5, sparse: 6, sparseUnsigned: 7 } as const;

/** The remaining bits of the kind byte. */
const flags = { wide: 8, exact: 16, escapes: 32, gapless: 64, mask: 128 } as const;

/** The most repeats in a mask: as many as a list of escapes may have. */
export const mostRepeats = (n: number): number => n >> 4;

/** An upper limit on the bytes of n values. */
export const chunkCapacity = (n: number): number =>
  32 + 6 * (n >> 4) + (n >> 3) + 257 * Math.ceil(n / blockLength);

/** How the integers of a chunk become unsigned. */
interface Form {
  predictor: Predictor;
  sparse: boolean;
  /** True if no value is negative and nothing is predicted, so that no folding is needed. */
  unsigned: boolean;
}

/** A sparse chunk stores no zeros, so its integers count from 1. */
const lift = (sparse: boolean): number => (sparse ? 1 : 0);

/**
 * Estimates the bits of each form from about eight blocks. The cheapest form wins; of equals, the first one.
 */
function chooseForm(q: Int32Array, lag: number, bits: Bits): Form {
  const nonNegative = q.every((value) => value >= 0);
  const blocks = Math.ceil(q.length / blockLength);
  const stride = Math.max(1, blocks >> 3);
  const starts: number[] = [];
  for (let b = stride >> 1; b < blocks; b += stride) starts.push(b * blockLength);

  const candidates: (Form & { cost: number })[] = [];
  for (const predictor of [0, 1, 2, 3] as const) {
    if (predictor >= 2 && lag === 0) continue;
    const form: Form = { predictor, sparse: false, unsigned: nonNegative && predictor === 0 };
    const u = fold(q, form, lag, bits);
    let cost = 0;
    for (const start of starts) {
      cost +=
        blockLength *
        bitLength(u.subarray(start, start + blockLength).reduce((all, value) => all | value, 0));
    }
    candidates.push({ ...form, cost });
  }

  // Without the zeros, block boundaries shift, so the width of the widest sampled integer is used for all.
  const sparse: Form = { predictor: 0, sparse: true, unsigned: nonNegative };
  const sampled = starts.map((start) => fold(q.subarray(start, start + blockLength), sparse, lag, bits));
  const count = sampled.reduce((sum, u) => sum + u.length, 0);
  const width = bitLength(sampled.reduce((all, u) => u.reduce((or, value) => or | value, all), 0));
  candidates.push({ ...sparse, cost: blockLength * starts.length + count * width });
  return candidates.reduce((best, form) => (form.cost < best.cost ? form : best));
}

/** chooseForm for a chunk with holes: counts all of its bits. */
function chooseBridged(q: Int32Array, lag: number, bits: Bits, holes: Uint8Array): Form {
  const unsigned = q.every((value) => value >= 0);
  const widthOf = (u: Uint32Array) => bitLength(u.reduce((all, value) => all | value, 0));
  const candidates: (Form & { cost: number })[] = [];
  for (const predictor of [0, 1, 2, 3] as const) {
    if (predictor >= 2 && lag === 0) continue;
    const form: Form = { predictor, sparse: false, unsigned: unsigned && predictor === 0 };
    const u = fold(q, form, lag, bits, holes);
    let cost = 0;
    for (let b = 0; b < u.length; b += blockLength) {
      const block = u.subarray(b, b + blockLength);
      cost += block.length * widthOf(block);
    }
    candidates.push({ ...form, cost });
  }
  const sparse: Form = { predictor: 0, sparse: true, unsigned };
  const u = fold(q, sparse, lag, bits, holes);
  candidates.push({ ...sparse, cost: q.length + u.length * widthOf(u) });
  return candidates.reduce((best, form) => (form.cost < best.cost ? form : best));
}

/** The unsigned integers that are packed under a form. */
function fold(
  q: Int32Array,
  { predictor, sparse, unsigned }: Form,
  lag: number,
  bits: Bits,
  holes?: Uint8Array,
): Uint32Array {
  let r: Int32Array = new Int32Array(q.length);
  if (holes !== undefined) r = bridge(q, holes, predictor, lag, bits);
  else predict(r, q, predictor, lag, bits);
  const kept = sparse ? r.filter((value) => value !== 0) : r;
  return Uint32Array.from(kept, (value) => (unsigned ? value : zigzag(value, bits)) - lift(sparse));
}

function formNumber({ predictor, sparse, unsigned }: Form, constant: boolean): number {
  if (constant) return formNumbers.constant;
  if (sparse) return unsigned ? formNumbers.sparseUnsigned : formNumbers.sparse;
  return unsigned ? formNumbers.unsigned : predictor;
}

function writeBlocks(out: ByteWriter, values: Uint32Array, wide: boolean): void {
  const blocks = Math.ceil(values.length / blockLength);
  const widths = out.take(wide ? blocks : (blocks + 1) >> 1).fill(0);
  for (let b = 0; b < blocks; b++) {
    const block = values.subarray(b * blockLength, (b + 1) * blockLength);
    let width = bitLength(block.reduce((all, value) => all | value, 0));
    // A narrow width is stored as a nibble, in which 15 stands for 16.
    if (wide) widths[b] = width;
    else {
      widths[b >> 1]! |= Math.min(width, 15) << (4 * (b & 1));
      if (width === 15) width = 16;
    }
    const at = out.at;
    out.take(blockBytes(width, block.length));
    pack(out.bytes, at, block, width);
  }
}

/**
 * In all quantisers but `paper` the integer 0 is for exact zeros only. Values of both signs with next to no
 * zeros therefore leave a gap at 0. This function closes it: the zeros become escapes and the positive
 * integers move down by one. Returns the positions of the zeros, or null where there is no gap to close.
 */
function closeGap(q: Int32Array): number[] | null {
  const zeros: number[] = [];
  for (let i = 0; i < q.length; i++) if (q[i] === 0) zeros.push(i);
  if (zeros.length > q.length >> 8 || q.every((value) => value >= 0)) return null;
  for (let i = 0; i < q.length; i++) if (q[i]! > 0) q[i]!--;
  return zeros;
}

/** The mask of these positions. */
function maskOf(positions: number[], words: Int32Array): Mask {
  const holes = new Uint8Array(words.length);
  for (const i of positions) holes[i] = 1;
  return { holes, words: Uint32Array.from(positions, (i) => words[i]!) };
}

/** Fills each hole with the integer before it, and those at the start with the first one, so that no form is ruled out. */
function fillHoles(q: Int32Array, holes: Uint8Array): void {
  let last = q[Math.max(0, holes.indexOf(0))]!;
  for (let i = 0; i < q.length; i++) {
    if (holes[i] === 1) q[i] = last;
    last = q[i]!;
  }
}

/**
 * Encodes one chunk. `first` is the index of its first value in the whole tensor.
 * proofs: Pipeline.chunk_round_trip
 */
export function encodeChunk(
  x: Float32Array,
  first: number,
  lag: number,
  quantization: Quantization,
): Uint8Array {
  const out = new ByteWriter(chunkCapacity(x.length));
  const words = new Int32Array(x.buffer, x.byteOffset, x.length);
  const q = new Int32Array(x.length);
  let escapes = quantization.quantizer === "lossless" ? null : quantize(q, x, first, quantization);
  const masked = new ByteWriter(chunkCapacity(x.length));
  let holes: Uint8Array | undefined;
  if (escapes !== null && escapes.length * leastHoles > x.length) {
    const mask = maskOf(escapes, words);
    if (writeMask(masked, mask, lag, mostRepeats(x.length))) {
      holes = mask.holes;
      escapes = [];
      fillHoles(q, holes);
    } else {
      // If many different values have to stay raw, coding the bits themselves is cheaper.
      escapes = null;
    }
  }
  const exact = escapes === null;
  if (exact) for (let i = 0; i < q.length; i++) q[i] = orderedBits(words[i]!);

  const wide = exact || q.some((value) => value !== (value << 16) >> 16);
  const bits: Bits = wide ? 32 : 16;
  const constant = q.every((value) => value === q[0]);
  const mayGap =
    holes === undefined && !constant && escapes?.length === 0 && quantization.quantizer !== "paper";
  const zeros = mayGap ? closeGap(q) : null;
  if (zeros !== null) escapes = zeros;
  const choice = () => (holes === undefined ? chooseForm(q, lag, bits) : chooseBridged(q, lag, bits, holes));
  const form: Form = constant ? { predictor: 0, sparse: false, unsigned: false } : choice();

  out.u8(
    formNumber(form, constant) |
      (wide ? flags.wide : 0) |
      (exact ? flags.exact : 0) |
      (escapes?.length ? flags.escapes : 0) |
      (zeros !== null ? flags.gapless : 0) |
      (holes !== undefined ? flags.mask : 0),
  );
  if (holes !== undefined) out.take(masked.at).set(masked.written());
  if (escapes?.length) {
    out.u16(escapes.length);
    for (const i of escapes) out.u16(i);
    for (const i of escapes) out.u32(words[i]!);
  }
  if (constant) {
    out.u32(q[0]!);
    return out.written();
  }
  const folded = fold(q, form, lag, bits, holes);
  if (form.sparse) {
    const bitmap = out.take((x.length + 7) >> 3).fill(0);
    for (let i = 0; i < q.length; i++) if (q[i] !== 0) bitmap[i >> 3]! |= 1 << (i & 7);
  }
  writeBlocks(out, folded, wide);
  return out.written();
}

function fail(where: string, expected: string, got: string): never {
  throw new FrameError({ where, expected, got, remedy: "encode the tensor again: these bytes are damaged" });
}

function readBlocks(input: ByteReader, count: number, wide: boolean): Uint32Array {
  const blocks = Math.ceil(count / blockLength);
  const nibbles = input.take(wide ? blocks : (blocks + 1) >> 1, "widths");
  const values = new Uint32Array(count);
  for (let b = 0; b < blocks; b++) {
    let width = nibbles[b]!;
    if (!wide) {
      width = (nibbles[b >> 1]! >> (4 * (b & 1))) & 15;
      if (width === 15) width = 16;
    }
    if (width > 32) fail("widths", "at most 32 bits", String(width));
    const block = values.subarray(b * blockLength, (b + 1) * blockLength);
    unpack(block, input.take(blockBytes(width, block.length), "blocks"), 0, width);
  }
  return values;
}

/** True if an encoded chunk has a mask. */
export const hasMask = (chunk: Uint8Array): boolean => (chunk[0]! & flags.mask) !== 0;

/** Decodes one chunk from the reader into x. The inverse of encodeChunk. */
export function decodeChunk(
  x: Float32Array,
  input: ByteReader,
  first: number,
  lag: number,
  quantization: Quantization,
): void {
  const words = new Int32Array(x.buffer, x.byteOffset, x.length);
  const kind = input.u8("kind");
  const has = (bit: number) => (kind & bit) !== 0;
  const number = kind & 7;
  const predictor = (number < 4 ? number : 0) as Predictor;
  const constant = number === formNumbers.constant;
  const sparse = number === formNumbers.sparse || number === formNumbers.sparseUnsigned;
  const unsigned = number === formNumbers.unsigned || number === formNumbers.sparseUnsigned;
  const wide = has(flags.wide);
  const exact = has(flags.exact);
  const bits: Bits = wide ? 32 : 16;
  const nonsense =
    (has(flags.mask) && (!quantization.second || exact || has(flags.escapes) || has(flags.gapless))) ||
    (predictor >= 2 && lag === 0) ||
    (exact && (!wide || has(flags.escapes) || has(flags.gapless))) ||
    (!exact && quantization.quantizer === "lossless");
  if (nonsense) fail("kind", "a combination that encoders write", `0x${kind.toString(16)}`);

  const escapes = has(flags.escapes) ? input.u16("escape count") : 0;
  const positions = Array.from({ length: escapes }, () => input.u16("escape positions"));
  for (const i of positions) if (i >= x.length) fail("escape positions", `below ${x.length}`, String(i));
  const raw = positions.map(() => input.u32("escape values"));
  const mask = has(flags.mask) ? readMask(input, x.length, lag) : null;

  const q = new Int32Array(x.length);
  if (constant) q.fill(input.u32("constant"));
  else {
    let set: number[] | null = null;
    if (sparse) {
      const bitmap = input.take((x.length + 7) >> 3, "bitmap");
      set = [];
      for (let i = 0; i < 8 * bitmap.length; i++) if ((bitmap[i >> 3]! >> (i & 7)) & 1) set.push(i);
      if (set.length > 0 && set.at(-1)! >= x.length) fail("bitmap", "zeros after the last value", "a one");
    }
    const bridged = mask !== null && !sparse;
    const count = bridged ? x.length - mask.words.length : (set?.length ?? x.length);
    const values = readBlocks(input, count, wide);
    const residuals = bridged ? new Int32Array(count) : q;
    for (let k = 0; k < values.length; k++) {
      // Sixteen-bit arithmetic throughout a narrow chunk, so that every byte string means something.
      const lifted = wide ? (values[k]! + lift(sparse)) >>> 0 : (values[k]! + lift(sparse)) & 0xffff;
      const r = unsigned ? lifted : unzigzag(lifted);
      residuals[set ? set[k]! : k] = wide ? r : (r << 16) >> 16;
    }
    if (bridged) unbridge(q, residuals, mask.holes, predictor, lag, bits);
    else restore(q, q, predictor, lag, bits);
  }
  if (has(flags.gapless)) for (let i = 0; i < q.length; i++) if (q[i]! >= 0) q[i]!++;
  if (exact) for (let i = 0; i < q.length; i++) words[i] = rawValue(orderedBits(q[i]!), quantization);
  else dequantize(x, q, first, quantization);
  for (let k = 0; k < escapes; k++) words[positions[k]!] = rawValue(raw[k]!, quantization);
  if (mask !== null) placeHoles(words, mask, quantization);
}
