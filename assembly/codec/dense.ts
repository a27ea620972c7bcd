// Dense mode's segments: rows of symbols, coded, and what goes beside them. The meaning is in src/codec/segment.ts, the
// bytes in docs/format.md.
import { pack16, packTail, unpack16, unpackTail } from "./pack";
import { scan } from "./quantize";
import { decodeRow, encodeRow } from "./lanes";
import {
  ABOVE,
  CODES,
  CONTEXTS,
  COUNTS,
  LARGE,
  LEFTS,
  LOWS,
  MOST_LARGE,
  MOST_RAW,
  RAW,
  READ_CODES,
  STATES,
  SYMBOLS,
  TOPS,
  TRUE_SYMBOLS,
  WORDS_END,
} from "./map";
import { besideOf, decodeSymbols, encodeSymbols, LEAST_STATE, prepareReciprocals } from "./rans";
import { foldRow, joinLows, keepAbove, modelRow } from "./rows";
import { BLOCK, settings } from "./scratch";


const UNSUITED: i32 = -2;
const TRUNCATED: i32 = -1;
const BAD_COUNT: i32 = -7;
const BAD_STATE: i32 = -8;
const BAD_INDEX: i32 = -9;

/** Layout and plan of what follows. */
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
  s.low = low;
  s.gapless = gapless;
  s.area = area;
  s.left = left;
}

/** Finds out whether the values of these rows of a strip need a check each. */
function survey(x: usize, strip: u32, height: u32, y0: u32, rows: u32, scratch: usize): void {
  const s = settings(scratch);
  let most: u32 = 0;
  for (let lane: u32 = 0; lane < 8; lane++) {
    const row = strip * 8 * s.height + lane * height + y0;
    if (row >= s.rows) break;
    const first = row * s.width;
    const count = min<u32>(rows * s.width, s.length - first);
    const whole = count & ~7;
    const at = x + ((first as usize) << 2);
    most = max(most, scan(at, whole as usize));
    for (let i = whole; i < count; i++) most = max(most, load<u32>(at + ((i as usize) << 2)) & 0x7fffffff);
  }
  s.checked = most > s.near ? 1 : 0;
}

export function countsAddress(scratch: usize): usize {
  return scratch + COUNTS;
}

/** Where an encoder and a decoder find the codes: frequency | start << 16, of every context's symbols. */
export function codesAddress(scratch: usize, encoding: bool): usize {
  return scratch + (encoding ? CODES : READ_CODES);
}

export function topsAddress(scratch: usize): usize {
  return scratch + TOPS;
}

@inline
function heightOf(strip: u32, height: u32, rows: u32): u32 {
  return min(height, (rows - strip * 8 * height + 7) >> 3);
}

function startStrip(scratch: usize, width: usize): void {
  memory.fill(scratch + ABOVE, 0, (width << 3) + 32);
}

/**
 * Adds `rows` rows of a strip, from row y0 on, to the counts at COUNTS; the first one is counted only if it is the
 * strip's first, and else serves as what is above. Returns the sum of folded residuals, or −1 for too many raw values.
 */
export function tallyDense(scratch: usize, x: usize, strip: u32, y0: u32, rows: u32): f64 {
  const s = settings(scratch);
  const width = s.width as usize;
  const height = heightOf(strip, s.height, s.rows);
  const symbols = scratch + SYMBOLS;
  const contexts = scratch + CONTEXTS;
  let sum: u64 = 0;
  let raw = 0;
  startStrip(scratch, width);
  survey(x, strip, height, y0, rows, scratch);
  for (let y = y0; y < y0 + rows; y++) {
    raw = encodeRow(x, strip, height, y, raw, scratch);
    if (raw < 0) return -1;
    const part = foldRow(y, y == y0, scratch);
    modelRow(symbols, contexts, scratch + LOWS, scratch);
    keepAbove(symbols, width, scratch);
    if (y == y0 && y > 0) continue;
    sum += part as u64;
    for (let i: usize = 0; i < width << 3; i++) {
      const at = scratch + COUNTS + ((((load<u8>(contexts + i) as usize) << 8) | (load<u8>(symbols + i) as usize)) << 2);
      store<u32>(at, load<u32>(at) + 1);
    }
  }
  return sum as f64;
}

/** Symbols that have no code in their context escape; what stands right of one sees the escape. −1: too many. */
function settle(symbols: usize, contexts: usize, width: usize, large: i32, scratch: usize): i32 {
  const s = settings(scratch);
  const tops = v128.load(scratch + TOPS);
  const count = width << 3;
  let beyond = i8x16.splat(0);
  for (let i: usize = 0; i < count; i += 16) {
    const top = i8x16.swizzle(tops, v128.load(contexts + i));
    beyond = v128.or(beyond, i8x16.gt_u(v128.load(symbols + i), top));
  }
  if (!v128.any_true(beyond)) return large;
  let found = large;
  const beside = besideOf(255, s.left);
  for (let i: usize = 0; i < count; i++) {
    const top = load<u8>(scratch + TOPS + (load<u8>(contexts + i) as usize));
    if (load<u8>(symbols + i) <= top) continue;
    if (found >= (MOST_LARGE as i32)) return -1;
    store<u8>(symbols + i, 255);
    store<u16>(scratch + LARGE + ((found as usize) << 1), load<u16>(scratch + TRUE_SYMBOLS + (i << 1)));
    found++;
    if (i + 8 < count) store<u8>(contexts + i + 8, ((load<u8>(contexts + i + 8) & 12) as u32) | beside);
  }
  return found;
}

@inline
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

/** Low bits, a byte each at LOWS, in blocks of 64. Returns the end. */
function packLows(to: usize, count: usize, low: u32, scratch: usize): usize {
  const block = scratch + BLOCK;
  let at = to;
  for (let i: usize = 0; i < count; i += 64) {
    for (let k: usize = 0; k < 64; k += 8) {
      v128.store(block + (k << 1), i16x8.extend_low_i8x16_u(v128.load64_zero(scratch + LOWS + i + k)));
    }
    const rest = count - i;
    at = rest < 64 ? packTail(at, block, rest, low, false) : pack16(at, block, low);
  }
  return at;
}

/** The bytes written to `out`; −1 if they do not fit, −2 if the tensor is not one for dense mode. */
export function encodeDense(scratch: usize, x: usize, first: u32, strips: u32, out: usize, capacity: usize): i32 {
  const s = settings(scratch);
  const width = s.width as usize;
  let count: usize = 0;
  let raw = 0;
  let large = 0;
  let lows = scratch + LOWS;
  for (let strip = first; strip < first + strips; strip++) {
    const height = heightOf(strip, s.height, s.rows);
    startStrip(scratch, width);
    survey(x, strip, height, 0, height, scratch);
    for (let y: u32 = 0; y < height; y++, count += width << 3) {
      raw = encodeRow(x, strip, height, y, raw, scratch);
      if (raw < 0) return UNSUITED;
      foldRow(y, y == 0, scratch);
      const symbols = scratch + SYMBOLS + count;
      const contexts = scratch + CONTEXTS + count;
      lows = modelRow(symbols, contexts, lows, scratch);
      large = settle(symbols, contexts, width, large, scratch);
      if (large < 0) return UNSUITED;
      keepAbove(symbols, width, scratch);
    }
  }
  prepareReciprocals(scratch);
  const words = encodeSymbols(count, scratch);
  const wordBytes = scratch + WORDS_END - words;
  const lowCount = lows - scratch - LOWS;
  const low = s.low;
  let bytes = varintBytes((wordBytes >> 1) as u32) + varintBytes(large as u32) + varintBytes(raw as u32);
  bytes += wordBytes + 32 + ((large as usize) << 1) + ((raw as usize) << 3);
  if (low > 0) bytes += varintBytes(lowCount as u32) + ((lowCount * (low as usize) + 7) >> 3);
  if (bytes > capacity) return -1;
  let at = putVarint(out, (wordBytes >> 1) as u32);
  at = putVarint(at, large as u32);
  at = putVarint(at, raw as u32);
  if (low > 0) at = putVarint(at, lowCount as u32);
  memory.copy(at, words, wordBytes);
  at += wordBytes;
  memory.copy(at, scratch + STATES, 32);
  at += 32;
  memory.copy(at, scratch + LARGE, (large as usize) << 1);
  at += (large as usize) << 1;
  memory.copy(at, scratch + RAW, (raw as usize) << 3);
  at += (raw as usize) << 3;
  if (low > 0) at = packLows(at, lowCount, low, scratch);
  return (at - out) as i32;
}

/** Bytes at SYMBOLS → 16-bit symbols at TRUE_SYMBOLS, escapes replaced from `large` on. Returns the end of these. */
function widen(width: usize, large: usize, end: usize, scratch: usize): usize {
  const symbols = scratch + SYMBOLS;
  const truth = scratch + TRUE_SYMBOLS;
  let any = i8x16.splat(0);
  let i: usize = 0;
  for (; i < width << 3; i += 8) {
    const eight = v128.load64_zero(symbols + i);
    any = v128.or(any, i8x16.eq(eight, i8x16.splat(-1)));
    v128.store(truth + (i << 1), i16x8.extend_low_i8x16_u(eight));
  }
  if (!v128.any_true(any)) return large;
  let at = large;
  for (i = 0; i < width << 3; i++) {
    if (load<u8>(symbols + i) != 255) continue;
    if (at < end) store<u16>(truth + (i << 1), load<u16>(at));
    at += 2;
  }
  return at;
}

/** A varint of at most three bytes, its length in the upper half; −1 where the bytes end or it is longer. */
function takeVarint(at: usize, end: usize): i64 {
  let value: u32 = 0;
  for (let k: u32 = 0; k < 3; k++) {
    if (at + (k as usize) >= end) return -1;
    const byte = load<u8>(at + (k as usize)) as u32;
    value |= (byte & 127) << (7 * k);
    if (byte < 128) return (((k + 1) as i64) << 32) | (value as i64);
  }
  return -1;
}

/** Fills the strips from `first` on. Returns the bytes read of the `available` ones, or what is wrong. */
export function decodeDense(scratch: usize, x: usize, first: u32, strips: u32, from: usize, available: usize): i32 {
  const s = settings(scratch);
  const width = s.width as usize;
  const end = from + available;
  let total: usize = 0;
  for (let strip = first; strip < first + strips; strip++) {
    total += (heightOf(strip, s.height, s.rows) as usize) * (width << 3);
  }
  let at = from;
  let counts0: usize = 0;
  let counts1: usize = 0;
  let counts2: usize = 0;
  let counts3: usize = 0;
  for (let k = 0; k < (s.low > 0 ? 4 : 3); k++) {
    const read = takeVarint(at, end);
    if (read < 0) return TRUNCATED;
    at += (read >>> 32) as usize;
    const value = (read as u32) as usize;
    if (k == 0) counts0 = value;
    else if (k == 1) counts1 = value;
    else if (k == 2) counts2 = value;
    else counts3 = value;
  }
  if (counts0 > total || counts1 > MOST_LARGE || counts2 > MOST_RAW || counts3 > total) return BAD_COUNT;
  const words = at;
  const wordsEnd = words + (counts0 << 1);
  const large = wordsEnd + 32;
  const largeEnd = large + (counts1 << 1);
  const raw = largeEnd;
  const lowStart = raw + (counts2 << 3);
  const stop = lowStart + ((counts3 * (s.low as usize) + 7) >> 3);
  if (stop > end) return TRUNCATED;
  memory.copy(scratch + STATES, wordsEnd, 32);

  const block = scratch + BLOCK;
  at = lowStart;
  for (let i: usize = 0; i < counts3; i += 64) {
    const rest = counts3 - i;
    if (rest < 64) unpackTail(block, at, rest, s.low, false);
    else unpack16(block, at, s.low, scratch + LEFTS);
    at += (min<usize>(64, rest) * (s.low as usize) + 7) >> 3;
    for (let k: usize = 0; k < 64; k += 8) {
      const eight = v128.load(block + (k << 1));
      v128.store64_lane(scratch + LOWS + i + k, i8x16.narrow_i16x8_u(eight, eight), 0);
    }
  }

  at = words;
  let nextLarge = large;
  let nextLow = scratch + LOWS;
  for (let strip = first; strip < first + strips; strip++) {
    const height = heightOf(strip, s.height, s.rows);
    startStrip(scratch, width);
    for (let y: u32 = 0; y < height; y++) {
      at = decodeSymbols(at, wordsEnd, width, scratch);
      keepAbove(scratch + SYMBOLS, width, scratch);
      nextLarge = widen(width, nextLarge, largeEnd, scratch);
      if (s.low > 0) nextLow = joinLows(nextLow, scratch);
      decodeRow(x, strip, height, y, scratch);
    }
  }
  if (at != wordsEnd) return BAD_STATE;
  for (let lane: usize = 0; lane < 32; lane += 4) if (load<u32>(scratch + STATES + lane) != LEAST_STATE) return BAD_STATE;
  if (nextLarge != largeEnd || nextLow - scratch - LOWS != counts3) return BAD_COUNT;
  const least = first * 8 * s.height * s.width;
  for (let k: usize = 0; k < counts2; k++) {
    const index = load<u32>(raw + (k << 3));
    if (index < least || index - least >= (total as u32) || index >= s.length) return BAD_INDEX;
    store<u32>(x + ((index as usize) << 2), load<u32>(raw + (k << 3), 4));
  }
  return (stop - from) as i32;
}
