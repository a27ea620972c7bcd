// Dense mode's segments: rows of symbols, coded by eight rANS coders that share a sequence of words. The meaning is in
// src/codec/segment.ts and rans.ts, the bytes in docs/format.md.
import { pack16, packTail, unpack16, unpackTail } from "./pack";
import { scan } from "./quantize";
import {
  ABOVE,
  areaAt,
  classOf,
  CODES,
  CONTEXTS,
  COUNTS,
  decodeRow,
  encodeRow,
  foldRow,
  joinLows,
  keepAbove,
  LARGE,
  LEFTS,
  LOWS,
  modelRow,
  MOST_LARGE,
  MOST_RAW,
  RAW,
  READ_CODES,
  RECIPROCALS,
  SLOTS,
  splat,
  STATES,
  SYMBOLS,
  TOPS,
  TRUE_SYMBOLS,
  WORDS_END,
} from "./rows";
import { BLOCK, settings } from "./scratch";

const TOTAL_BITS: u32 = 11;
const LEAST_STATE: u32 = 0x10000;
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

/** Finds out whether the values of x need a check each. */
export function surveyDense(scratch: usize, x: usize, length: usize): void {
  const s = settings(scratch);
  let most = scan(x, length & ~7);
  for (let i = length & ~7; i < length; i++) most = max(most, load<u32>(x + (i << 2)) & 0x7fffffff);
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

/** The class of a symbol as a left neighbour. */
@inline
function besideOf(symbol: u32, left: u32): u32 {
  return ((symbol > (left & 255)) as u32) + ((symbol > ((left >> 8) & 255)) as u32) + ((symbol > ((left >> 16) & 255)) as u32);
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

/** ⌊2^43/f⌋ + 1: for x < f·2^21 the product with it, shifted back, is ⌊x/f⌋ exactly, as f² < 2^22. */
function prepareReciprocals(scratch: usize): void {
  for (let c: usize = 0; c < 16; c++) {
    const top = load<u8>(scratch + TOPS + c) as u32;
    for (let symbol: u32 = 0; symbol < 256; symbol = symbol == top ? 255 : symbol + 1) {
      const f = load<u16>(scratch + CODES + (((c << 8) | (symbol as usize)) << 2)) as usize;
      store<u64>(scratch + RECIPROCALS + (f << 3), ((1 as u64) << 43) / (f as u64) + 1);
      if (symbol == 255) break;
    }
  }
}

@inline
function codeOf(codes: usize, contexts: usize, symbols: usize, lane: usize): u32 {
  return load<u32>(codes + (((load<u8>(contexts + lane) as usize) << 10) | ((load<u8>(symbols + lane) as usize) << 2)));
}

@inline
function stepOf(code: u32, x: u32, reciprocals: usize): u32 {
  const f = code & 0xffff;
  const times = (((x as u64) * load<u64>(reciprocals + ((f as usize) << 3))) >> 43) as u32;
  return x + times * (2048 - f) + (code >> 16);
}

/** The symbols' words, from WORDS_END down, and the states at STATES. Returns where the words begin. */
function encodeSymbols(count: usize, scratch: usize): usize {
  const symbols = scratch + SYMBOLS;
  const contexts = scratch + CONTEXTS;
  const codes = scratch + CODES;
  const states = scratch + STATES;
  const reciprocals = scratch + RECIPROCALS;
  let x0 = LEAST_STATE;
  let x1 = LEAST_STATE;
  let x2 = LEAST_STATE;
  let x3 = LEAST_STATE;
  let x4 = LEAST_STATE;
  let x5 = LEAST_STATE;
  let x6 = LEAST_STATE;
  let x7 = LEAST_STATE;
  let at = scratch + WORDS_END;
  for (let i = count; i > 0; ) {
    i -= 8;
    const context = contexts + i;
    const symbol = symbols + i;
    let code: u32;
    let full: u32;
    // Without a branch: the low half is always written, and kept where it has to go.

    code = codeOf(codes, context, symbol, 7);
    store<u16>(at - 2, x7 as u16);
    full = (x7 >= code << 21) as u32;
    at -= (full as usize) << 1;
    x7 = stepOf(code, x7 >> (full << 4), reciprocals);

    code = codeOf(codes, context, symbol, 6);
    store<u16>(at - 2, x6 as u16);
    full = (x6 >= code << 21) as u32;
    at -= (full as usize) << 1;
    x6 = stepOf(code, x6 >> (full << 4), reciprocals);

    code = codeOf(codes, context, symbol, 5);
    store<u16>(at - 2, x5 as u16);
    full = (x5 >= code << 21) as u32;
    at -= (full as usize) << 1;
    x5 = stepOf(code, x5 >> (full << 4), reciprocals);

    code = codeOf(codes, context, symbol, 4);
    store<u16>(at - 2, x4 as u16);
    full = (x4 >= code << 21) as u32;
    at -= (full as usize) << 1;
    x4 = stepOf(code, x4 >> (full << 4), reciprocals);

    code = codeOf(codes, context, symbol, 3);
    store<u16>(at - 2, x3 as u16);
    full = (x3 >= code << 21) as u32;
    at -= (full as usize) << 1;
    x3 = stepOf(code, x3 >> (full << 4), reciprocals);

    code = codeOf(codes, context, symbol, 2);
    store<u16>(at - 2, x2 as u16);
    full = (x2 >= code << 21) as u32;
    at -= (full as usize) << 1;
    x2 = stepOf(code, x2 >> (full << 4), reciprocals);

    code = codeOf(codes, context, symbol, 1);
    store<u16>(at - 2, x1 as u16);
    full = (x1 >= code << 21) as u32;
    at -= (full as usize) << 1;
    x1 = stepOf(code, x1 >> (full << 4), reciprocals);

    code = codeOf(codes, context, symbol, 0);
    store<u16>(at - 2, x0 as u16);
    full = (x0 >= code << 21) as u32;
    at -= (full as usize) << 1;
    x0 = stepOf(code, x0 >> (full << 4), reciprocals);
  }
  store<u32>(states, x0, 0);
  store<u32>(states, x1, 4);
  store<u32>(states, x2, 8);
  store<u32>(states, x3, 12);
  store<u32>(states, x4, 16);
  store<u32>(states, x5, 20);
  store<u32>(states, x6, 24);
  store<u32>(states, x7, 28);
  return at;
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

/**
 * A slot of a context, one word:   31 … 21  slot − start | 20 … 10  frequency | 9, 8  class as a left neighbour | symbol
 */
export function prepareDense(scratch: usize): void {
  const left = settings(scratch).left;
  let slot = scratch + SLOTS;
  for (let c: usize = 0; c < 16; c++) {
    const top = load<u8>(scratch + TOPS + c) as u32;
    for (let symbol: u32 = 0; symbol < 256; symbol = symbol == top ? 255 : symbol + 1) {
      const f = load<u16>(scratch + READ_CODES + (((c << 8) | (symbol as usize)) << 2)) as u32;
      const entry = (f << 10) | (besideOf(symbol, left) << 8) | symbol;
      for (let k: u32 = 0; k < f; k++, slot += 4) store<u32>(slot, (k << 21) | entry);
      if (symbol == 255) break;
    }
  }
}

@inline
function slotOf(slots: usize, contexts: usize, lane: usize, left: usize, x: u32): u32 {
  const table = slots + ((load<u8>(contexts + lane) as usize) << 15) + left;
  return load<u32>(table + (((x & 2047) as usize) << 2));
}

/** Its class as a left neighbour, as the distance to the first of its tables. */
@inline
function leftOf(entry: u32): usize {
  return ((entry & 0x300) << 5) as usize;
}

@inline
function advance(entry: u32, x: u32): u32 {
  return ((entry >> 10) & 2047) * (x >> TOTAL_BITS) + (entry >> 21);
}

/** A row of symbols from the words at `at`, which go up to `end`; 16 bytes behind it may be read. Returns where it is. */
function decodeSymbols(at0: usize, end: usize, width: usize, scratch: usize): usize {
  const s = settings(scratch);
  const slots = scratch + SLOTS;
  const symbols = scratch + SYMBOLS;
  const contexts = scratch + CONTEXTS;
  const states = scratch + STATES;
  const a0 = splat(s.area, 0);
  const a1 = splat(s.area, 1);
  const a2 = splat(s.area, 2);
  for (let i: usize = 0; i < width << 3; i += 16) {
    v128.store(contexts + i, classOf(areaAt(scratch + ABOVE + 8 + i), a0, a1, a2));
  }
  // A loop over the lanes would keep their states in memory; so they are written out.
  let x0 = load<u32>(states, 0);
  let x1 = load<u32>(states, 4);
  let x2 = load<u32>(states, 8);
  let x3 = load<u32>(states, 12);
  let x4 = load<u32>(states, 16);
  let x5 = load<u32>(states, 20);
  let x6 = load<u32>(states, 24);
  let x7 = load<u32>(states, 28);
  let left0: usize = 0;
  let left1: usize = 0;
  let left2: usize = 0;
  let left3: usize = 0;
  let left4: usize = 0;
  let left5: usize = 0;
  let left6: usize = 0;
  let left7: usize = 0;
  let at = at0;
  for (let i: usize = 0; i < width << 3; i += 8) {
    if (at > end) at = end;
    const context = contexts + i;
    const symbol = symbols + i;
    let entry: u32;
    let short: u32;

    entry = slotOf(slots, context, 0, left0, x0);
    store<u8>(symbol, entry as u8, 0);
    left0 = leftOf(entry);
    x0 = advance(entry, x0);
    short = (x0 < LEAST_STATE) as u32;
    x0 = (x0 << (short << 4)) | ((load<u16>(at) as u32) & (0 - short));
    at += (short as usize) << 1;

    entry = slotOf(slots, context, 1, left1, x1);
    store<u8>(symbol, entry as u8, 1);
    left1 = leftOf(entry);
    x1 = advance(entry, x1);
    short = (x1 < LEAST_STATE) as u32;
    x1 = (x1 << (short << 4)) | ((load<u16>(at) as u32) & (0 - short));
    at += (short as usize) << 1;

    entry = slotOf(slots, context, 2, left2, x2);
    store<u8>(symbol, entry as u8, 2);
    left2 = leftOf(entry);
    x2 = advance(entry, x2);
    short = (x2 < LEAST_STATE) as u32;
    x2 = (x2 << (short << 4)) | ((load<u16>(at) as u32) & (0 - short));
    at += (short as usize) << 1;

    entry = slotOf(slots, context, 3, left3, x3);
    store<u8>(symbol, entry as u8, 3);
    left3 = leftOf(entry);
    x3 = advance(entry, x3);
    short = (x3 < LEAST_STATE) as u32;
    x3 = (x3 << (short << 4)) | ((load<u16>(at) as u32) & (0 - short));
    at += (short as usize) << 1;

    entry = slotOf(slots, context, 4, left4, x4);
    store<u8>(symbol, entry as u8, 4);
    left4 = leftOf(entry);
    x4 = advance(entry, x4);
    short = (x4 < LEAST_STATE) as u32;
    x4 = (x4 << (short << 4)) | ((load<u16>(at) as u32) & (0 - short));
    at += (short as usize) << 1;

    entry = slotOf(slots, context, 5, left5, x5);
    store<u8>(symbol, entry as u8, 5);
    left5 = leftOf(entry);
    x5 = advance(entry, x5);
    short = (x5 < LEAST_STATE) as u32;
    x5 = (x5 << (short << 4)) | ((load<u16>(at) as u32) & (0 - short));
    at += (short as usize) << 1;

    entry = slotOf(slots, context, 6, left6, x6);
    store<u8>(symbol, entry as u8, 6);
    left6 = leftOf(entry);
    x6 = advance(entry, x6);
    short = (x6 < LEAST_STATE) as u32;
    x6 = (x6 << (short << 4)) | ((load<u16>(at) as u32) & (0 - short));
    at += (short as usize) << 1;

    entry = slotOf(slots, context, 7, left7, x7);
    store<u8>(symbol, entry as u8, 7);
    left7 = leftOf(entry);
    x7 = advance(entry, x7);
    short = (x7 < LEAST_STATE) as u32;
    x7 = (x7 << (short << 4)) | ((load<u16>(at) as u32) & (0 - short));
    at += (short as usize) << 1;
  }
  store<u32>(states, x0, 0);
  store<u32>(states, x1, 4);
  store<u32>(states, x2, 8);
  store<u32>(states, x3, 12);
  store<u32>(states, x4, 16);
  store<u32>(states, x5, 20);
  store<u32>(states, x6, 24);
  store<u32>(states, x7, 28);
  return at;
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
