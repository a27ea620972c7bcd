// Encodes dense mode's segments: coded rows of symbols, and the data stored beside them. src/codec/segment.ts
// defines them; docs/format.md describes the bytes.
import { codeRow } from "./code";
import { encodeRow } from "./lanes";
import { ABOVE, CODED, CODES, COUNTS, LARGE, LOWS, MOST_LARGE, RAW, READ_CODES, STATES, TOPS, WORDS_END } from "./map";
import { pack16, packTail } from "./pack";
import { encodeSymbols } from "./rans";
import { divideRow, foldRow, inHalves, startStrip, sumRow } from "./rows";
import { BLOCK, settings } from "./scratch";

const UNSUITED: i32 = -2;
/** Bytes of one table of counts: 4 for each symbol of each context. */
const TABLE: usize = 16384;

/** Sets the layout and plan for the following calls. */
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
  startStrip(scratch + ABOVE, width);
  for (let y = y0; y < y0 + rows; y++) {
    raw = encodeRow(x, strip, height, y, raw, scratch);
    if (raw < 0) return -1;
    foldRow(y, y === y0, scratch);
    const within = y > y0 || y === 0;
    if (within) sum += sumRow(scratch) as u64;
    if (!counted) continue;
    if (s.low > 0) divideRow(scratch + LOWS, scratch);
    codeRow(coded, large, large, scratch);
    if (!within) continue;
    const counts = scratch + COUNTS;
    for (let at = coded; at < coded + (width << 4); at += 8) {
      count(counts, at);
      count(counts + TABLE, at + 2);
      count(counts + 2 * TABLE, at + 4);
      count(counts + 3 * TABLE, at + 6);
    }
  }
  return sum as f64;
}

// @inline
function varintBytes(value: u32): usize {
  return value < 128 ? 1 : value < 16384 ? 2 : 3;
}

function putVarint(to: usize, value: u32): usize {
  let at = to;
  let rest = value;
  for (; rest >= 128; rest >>= 7) store<u8>(at++, rest | 128);
  store<u8>(at++, rest);
  return at;
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

/**
 * Encodes `strips` strips to `out`. Returns the bytes, −1 if they do not fit, or −2 if dense mode does not
 * suit the tensor.
 */
export function encodeDense(scratch: usize, x: usize, first: u32, strips: u32, out: usize, capacity: usize): i32 {
  const s = settings(scratch);
  const width = s.width as usize;
  let count: usize = 0;
  let raw = 0;
  let large = scratch + LARGE;
  const limit = large + ((MOST_LARGE as usize) << 1);
  let lows = scratch + LOWS;
  for (let strip = first; strip < first + strips; strip++) {
    const height = heightOf(strip, s.height, s.rows);
    startStrip(scratch + ABOVE, width);
    for (let y: u32 = 0; y < height; y++, count += width << 3) {
      raw = encodeRow(x, strip, height, y, raw, scratch);
      if (raw < 0) return UNSUITED;
      foldRow(y, y === 0, scratch);
      if (s.low > 0) lows = divideRow(lows, scratch);
      large = codeRow(scratch + CODED + (count << 1), large, limit, scratch);
      if (large > limit) return UNSUITED;
    }
  }
  const words = encodeSymbols(count, scratch);
  const wordBytes = scratch + WORDS_END - words;
  const largeBytes = large - scratch - LARGE;
  const lowCount = lows - scratch - LOWS;
  const low = s.low;
  let bytes = varintBytes((wordBytes >> 1) as u32) + varintBytes((largeBytes >> 1) as u32) + varintBytes(raw as u32);
  bytes += wordBytes + 32 + largeBytes + ((raw as usize) << 3);
  if (low > 0) bytes += varintBytes(lowCount as u32) + ((lowCount * (low as usize) + 7) >> 3);
  if (bytes > capacity) return -1;
  let at = putVarint(out, (wordBytes >> 1) as u32);
  at = putVarint(at, (largeBytes >> 1) as u32);
  at = putVarint(at, raw as u32);
  if (low > 0) at = putVarint(at, lowCount as u32);
  memory.copy(at, words, wordBytes);
  at += wordBytes;
  memory.copy(at, scratch + STATES, 32);
  at += 32;
  memory.copy(at, scratch + LARGE, largeBytes);
  at += largeBytes;
  memory.copy(at, scratch + RAW, (raw as usize) << 3);
  at += (raw as usize) << 3;
  if (low > 0) at = packLows(at, lowCount, low, scratch);
  return (at - out) as i32;
}
