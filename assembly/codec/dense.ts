// Encodes dense mode's segments: coded rows of symbols, and the data stored beside them. src/codec/dense/segment.ts
// defines them; docs/format.md describes the bytes.
import { bridgeRow, codeBridged, refillRow } from "./bridge";
import { codeRow } from "./code";
import { encodeRow, LISTED, MASKED, TALLIED } from "./lanes";
import {
  ABOVE,
  CODED,
  CODES,
  COUNTS,
  EDGE_BITS,
  LARGE,
  LOWS,
  MOST_LARGE,
  MOST_RAW,
  RAW,
  READ_CODES,
  ROW_HOLES,
  STATES,
  TOPS,
  WORDS_END,
} from "./map";
import { planMask, putVarint, varintBytes, writeMask } from "./mask";
import { pack16, packTail } from "./pack";
import { encodeSymbols } from "./rans";
import { divideRow, foldRow, inHalves, startStrip, sumRow } from "./rows";
import { BLOCK, PROGRESS, settings } from "./scratch";

const UNSUITED: i32 = -2;
/** A segment has a mask in place of a list of raw values if more than one symbol in this many stays raw. */
const LEAST_HOLES: u32 = 1024;
/** In place of the number of listed raw values: a mask follows. */
export const MASK_MARK: u32 = MOST_RAW + 1;
/** Bytes of one table of counts: 4 for each symbol of each context. */
const TABLE: usize = 16384;

/** Sets the layout and model for the following calls. */
export function configureDense(
  scratch: usize,
  length: u32,
  width: u32,
  rows: u32,
  height: u32,
  predictor: u32,
  low: u32,
  gapless: u32,
  area: u32,
  left: u32,
): void {
  const s = settings(scratch);
  s.length = length;
  s.width = width;
  s.rows = rows;
  s.height = height;
  s.predictor = predictor;
  s.step = inHalves(predictor) ? s.wholeStep * <f32>0.5 : s.wholeStep;
  s.inverse = inHalves(predictor) ? s.wholeInverse * <f32>2 : s.wholeInverse;
  s.low = low;
  s.gapless = gapless;
  s.area = area;
  s.left = left;
}

/** Sets all counts to zero. */
export function startCounts(scratch: usize): void {
  memory.fill(scratch + COUNTS, 0, 4 * TABLE);
}

/**
 * Adds up the counts since startCounts and returns their address, 32 bits each. Four tables are used in turn,
 * so that equal symbols in a row do not have to wait for each other's update.
 */
export function countsAddress(scratch: usize): usize {
  const counts = scratch + COUNTS;
  for (let at = counts; at < counts + TABLE; at += 16) {
    const odd = i32x4.add(v128.load(at, TABLE), v128.load(at, 3 * TABLE));
    v128.store(at, i32x4.add(i32x4.add(v128.load(at), v128.load(at, 2 * TABLE)), odd));
  }
  memory.fill(counts + TABLE, 0, 3 * TABLE);
  return counts;
}

// @inline
function count(table: usize, coded: usize): void {
  // An entry of the encoder has eight bytes, a count has four.
  const at = table + ((load<u16>(coded) as usize) >> 1);
  store<u32>(at, load<u32>(at) + 1);
}

/**
 * The address for the codes (frequency | start << 16 for the symbols of every context) of an encoder or a
 * decoder.
 */
export function codesAddress(scratch: usize, encoding: bool): usize {
  return scratch + (encoding ? CODES : READ_CODES);
}

export function topsAddress(scratch: usize): usize {
  return scratch + TOPS;
}

// @inline
export function heightOf(strip: u32, height: u32, rows: u32): u32 {
  return min(height, (rows - strip * 8 * height + 7) >> 3);
}

/**
 * The sum of the folded residuals of `rows` rows of a strip from row y0 on, or −1 for too many raw values.
 * With `counted` their symbols are added to the counts at COUNTS. The first row takes part only if it is the
 * strip's first; otherwise it only serves as the row above.
 */
export function tallyDense(scratch: usize, x: usize, strip: u32, y0: u32, rows: u32, counted: bool): f64 {
  const s = settings(scratch);
  const width = s.width as usize;
  const height = heightOf(strip, s.height, s.rows);
  const coded = scratch + CODED;
  const large = scratch + LARGE;
  // Gives every symbol a code, so that none escapes.
  v128.store(scratch + TOPS, i8x16.splat(-1));
  let sum: u64 = 0;
  let raw = 0;
  s.raws = TALLIED;
  startStrip(scratch + ABOVE, width);
  for (let y = y0; y < y0 + rows; y++) {
    raw = encodeRow(x, strip, height, y, raw, scratch);
    if (raw < 0) return -1;
    const holes = s.holes !== 0;
    if (holes) bridgeRow(y, y === y0, scratch);
    foldRow(y, y === y0, scratch);
    if (holes) refillRow(y, scratch + ROW_HOLES, scratch);
    const within = y > y0 || y === 0;
    if (within) sum += sumRow(scratch) as u64;
    if (!counted) continue;
    if (s.low > 0) divideRow(scratch + LOWS, scratch);
    if (holes) codeBridged(coded, large, large, scratch);
    else codeRow(coded, large, large, scratch);
    if (!within) continue;
    const counts = scratch + COUNTS;
    if (holes) {
      for (let at = coded; at < coded + (width << 4); at += 2) if (load<u16>(at) < 32768) count(counts, at);
      continue;
    }
    for (let at = coded; at < coded + (width << 4); at += 8) {
      count(counts, at);
      count(counts + TABLE, at + 2);
      count(counts + 2 * TABLE, at + 4);
      count(counts + 3 * TABLE, at + 6);
    }
  }
  return sum as f64;
}

/**
 * Packs low bits, stored as one byte each at LOWS, in blocks of 64. Returns the address after the last byte.
 */
function packLows(to: usize, count: usize, low: u32, scratch: usize): usize {
  const block = scratch + BLOCK;
  let at = to;
  for (let i: usize = 0; i < count; i += 64) {
    for (let k: usize = 0; k < 64; k += 8) {
      v128.store(block + (k << 1), i16x8.extend_low_i8x16_u(v128.load64_zero(scratch + LOWS + i + k)));
    }
    const rest = count - i;
    at = rest < 64 ? packTail(at, block, rest, low, false) : pack16(at, block, low, scratch);
  }
  return at;
}

/** Where the rows of a segment have led to. */
@unmanaged
class Progress {
  /** Symbols. */
  count: usize;
  /** Raw values. */
  raw: i32;
  /** The ends of the lists of large symbols and of low bits. */
  large: usize;
  lows: usize;
}

/** Codes the rows of `strips` strips. False if more than `most` values stay raw. */
function codeRows(progress: Progress, x: usize, first: u32, strips: u32, most: u32, scratch: usize): bool {
  const s = settings(scratch);
  const width = s.width as usize;
  let count: usize = 0;
  let raw = 0;
  let large = scratch + LARGE;
  // The list ends beyond the limit if there are too many.
  const limit = large + ((MOST_LARGE as usize) << 1);
  let lows = scratch + LOWS;
  for (let strip = first; strip < first + strips; strip++) {
    const height = heightOf(strip, s.height, s.rows);
    startStrip(scratch + ABOVE, width);
    for (let y: u32 = 0; y < height; y++, count += width << 3) {
      raw = encodeRow(x, strip, height, y, raw, scratch);
      if (raw < 0 || (raw as u32) > most) return false;
      const holes = s.holes !== 0;
      if (holes) bridgeRow(y, y === 0, scratch);
      foldRow(y, y === 0, scratch);
      if (holes) refillRow(y, scratch + ROW_HOLES, scratch);
      if (s.low > 0) lows = divideRow(lows, scratch);
      const to = scratch + CODED + (count << 1);
      large = holes ? codeBridged(to, large, limit, scratch) : codeRow(to, large, limit, scratch);
    }
  }
  progress.count = count;
  progress.raw = raw;
  progress.large = large;
  progress.lows = lows;
  return true;
}

/** The number of symbols of `strips` strips. */
export function symbolsIn(first: u32, strips: u32, scratch: usize): u32 {
  const s = settings(scratch);
  let total: u32 = 0;
  for (let strip = first; strip < first + strips; strip++) total += heightOf(strip, s.height, s.rows) * (s.width << 3);
  return total;
}

/** The index of the first value of a strip, or the length if that is less. */
// @inline
export function firstOf(strip: u32, scratch: usize): u32 {
  const s = settings(scratch);
  return min(s.length, strip * 8 * s.height * s.width);
}

/**
 * Encodes `strips` strips to `out`. Returns the bytes, −1 if they do not fit, or −2 if dense mode does not
 * suit the tensor.
 */
export function encodeDense(scratch: usize, x: usize, first: u32, strips: u32, out: usize, capacity: usize): i32 {
  const s = settings(scratch);
  const progress = changetype<Progress>(scratch + PROGRESS);
  const most = symbolsIn(first, strips, scratch) / LEAST_HOLES;
  s.raws = LISTED;
  const masked = !codeRows(progress, x, first, strips, most, scratch);
  const start = firstOf(first, scratch);
  const length = (firstOf(first + strips, scratch) - start) as usize;
  const values = x + ((start as usize) << 2);
  if (masked) {
    s.raws = MASKED;
    s.maskFirst = start;
    memory.fill(scratch + RAW, 0, 8192);
    codeRows(progress, x, first, strips, -1, scratch);
  }
  if (progress.large > scratch + LARGE + ((MOST_LARGE as usize) << 1)) return UNSUITED;
  const words = encodeSymbols(progress.count, scratch);
  const wordBytes = scratch + WORDS_END - words;
  const largeBytes = progress.large - scratch - LARGE;
  const lowCount = progress.lows - scratch - LOWS;
  const low = s.low;
  const raw = masked ? MASK_MARK : (progress.raw as u32);
  let rawBytes = (raw as usize) << 3;
  if (masked) {
    const planned = planMask(scratch + RAW, length, values, s.width as usize, MOST_RAW, scratch + EDGE_BITS, scratch);
    if (planned < 0) return UNSUITED;
    rawBytes = planned;
    s.masked = 1;
  }
  let bytes = varintBytes((wordBytes >> 1) as u32) + varintBytes((largeBytes >> 1) as u32) + varintBytes(raw);
  bytes += wordBytes + 32 + largeBytes + rawBytes;
  if (low > 0) bytes += varintBytes(lowCount as u32) + ((lowCount * (low as usize) + 7) >> 3);
  if (bytes > capacity) return -1;
  let at = putVarint(out, (wordBytes >> 1) as u32);
  at = putVarint(at, (largeBytes >> 1) as u32);
  at = putVarint(at, raw);
  if (low > 0) at = putVarint(at, lowCount as u32);
  memory.copy(at, words, wordBytes);
  at += wordBytes;
  memory.copy(at, scratch + STATES, 32);
  at += 32;
  memory.copy(at, scratch + LARGE, largeBytes);
  at += largeBytes;
  if (!masked) {
    memory.copy(at, scratch + RAW, rawBytes);
    at += rawBytes;
  }
  if (low > 0) at = packLows(at, lowCount, low, scratch);
  if (masked) at = writeMask(at, scratch + RAW, length, values, scratch);
  return (at - out) as i32;
}
