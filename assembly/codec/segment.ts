// Decodes dense mode's segments. First come the symbols of two segments in step, because the symbol decoder
// mostly waits for memory; then the rows of values, segment by segment. docs/format.md describes the bytes.
import { decodeBridged, refillRow } from "./bridge";
import { firstOf, heightOf, MASK_MARK, symbolsIn } from "./dense";
import { placeRaw } from "./dequantize";
import { LOWS, MOST_LARGE, MOST_RAW, RAW, READ_ROW_HOLES, SEGMENTS, TRUE_SYMBOLS } from "./map";
import { isOne } from "./mask";
import { unpack16, unpackTail } from "./pack";
import { decodeRow, decodeStrip, LEAST_STATE, Stream, statesOf, streamOf } from "./rans";
import { joinLows, restoreRow, startStrip } from "./rows";
import { settings } from "./scratch";
import { placeHoles, readMask, takeVarint } from "./unmask";
import { placeRow } from "./values";

const TRUNCATED: i32 = -1;
const BAD_COUNT: i32 = -7;
const BAD_STATE: i32 = -8;
const BAD_INDEX: i32 = -9;

/** The strips of a segment, the number of their symbols, and the addresses of its parts. */
@unmanaged
class Segment {
  first: u32;
  strips: u32;
  total: usize;
  words: usize;
  large: usize;
  raw: usize;
  rawCount: usize;
  lows: usize;
  lowCount: usize;
  end: usize;
  masked: bool;
  /** The index of its first value, and the number of its values. */
  start: u32;
  length: u32;
}

function segmentOf(scratch: usize, k: usize): Segment {
  return changetype<Segment>(scratch + SEGMENTS + (k << 6));
}

/** Finds a segment's parts in the bytes from `from` to `end`. Returns 0 or a negative error. */
function openSegment(segment: Segment, first: u32, strips: u32, from: usize, end: usize, scratch: usize): i32 {
  const s = settings(scratch);
  const total = symbolsIn(first, strips, scratch) as usize;
  let at = from;
  let wordCount: usize = 0;
  let largeCount: usize = 0;
  let rawCount: usize = 0;
  let lowCount: usize = 0;
  for (let k = 0; k < (s.low > 0 ? 4 : 3); k++) {
    const read = takeVarint(at, end);
    if (read < 0) return TRUNCATED;
    at += (read >>> 32) as usize;
    const value = read as u32 as usize;
    if (k === 0) wordCount = value;
    else if (k === 1) largeCount = value;
    else if (k === 2) rawCount = value;
    else lowCount = value;
  }
  const masked = s.masks !== 0 && rawCount === (MASK_MARK as usize);
  if (masked) rawCount = 0;
  if (wordCount > total || largeCount > MOST_LARGE || rawCount > MOST_RAW || lowCount > total) return BAD_COUNT;
  segment.first = first;
  segment.strips = strips;
  segment.total = total;
  segment.words = at;
  segment.large = at + (wordCount << 1) + 32;
  segment.raw = segment.large + (largeCount << 1);
  segment.rawCount = rawCount;
  segment.lows = segment.raw + (rawCount << 3);
  segment.lowCount = lowCount;
  segment.end = segment.lows + ((lowCount * (s.low as usize) + 7) >> 3);
  segment.masked = masked;
  segment.start = firstOf(first, scratch);
  segment.length = firstOf(first + strips, scratch) - segment.start;
  if (segment.end > end) return TRUNCATED;
  if (!masked) return 0;
  const read = readMask(segment.end, end, scratch + RAW, segment.length as usize, s.width as usize, scratch);
  if (read < 0) return read;
  segment.end += read;
  return 0;
}

/** Finds the holes of row y of a strip, a byte a column at READ_ROW_HOLES, bit k for lane k. False if there are none. */
function rowHoles(segment: Segment, strip: u32, height: u32, y: u32, scratch: usize): bool {
  const s = settings(scratch);
  if (!segment.masked) return false;
  const holes = scratch + READ_ROW_HOLES;
  let any = false;
  for (let lane: u32 = 0; lane < 8; lane++) {
    const index = (strip * 8 * s.height + lane * height + y) * s.width - segment.start;
    if (index >= segment.length) break;
    const end = min(index + s.width, segment.length) as usize;
    for (let i = index as usize; i < end; i++) {
      if (!isOne(scratch + RAW, i)) continue;
      if (!any) memory.fill(holes, 0, s.width as usize);
      any = true;
      const at = holes + i - (index as usize);
      store<u8>(at, (load<u8>(at) as u32) | (1 << lane));
    }
  }
  return any;
}

/** Opens the decoder of a segment: its words, and the states stored after them. */
function openStream(segment: Segment, scratch: usize, k: usize): Stream {
  const stream = streamOf(scratch, k);
  stream.at = segment.words;
  stream.end = segment.large - 32;
  memory.copy(statesOf(stream), stream.end, 32);
  return stream;
}

function isFinished(stream: Stream): bool {
  if (stream.at !== stream.end) return false;
  for (let k: usize = 0; k < 32; k += 4) if (load<u32>(statesOf(stream) + k) !== LEAST_STATE) return false;
  return true;
}

/** Unpacks the low bits to LOWS, one byte each. */
function unpackLows(segment: Segment, low: u32, scratch: usize): void {
  const block = scratch + TRUE_SYMBOLS;
  let at = segment.lows;
  for (let i: usize = 0; i < segment.lowCount; i += 64) {
    const rest = segment.lowCount - i;
    if (rest < 64) unpackTail(block, at, rest, low, false);
    else unpack16(block, at, low, scratch);
    at += (min<usize>(64, rest) * (low as usize) + 7) >> 3;
    for (let k: usize = 0; k < 64; k += 8) {
      const eight = v128.load(block + (k << 1));
      v128.store64_lane(scratch + LOWS + i + k, i8x16.narrow_i16x8_u(eight, eight), 0);
    }
  }
}

/** True if a row of symbols contains escapes. */
function escapesIn(symbols: usize, width: usize): bool {
  let most = i8x16.splat(0);
  const end = symbols + (width << 3);
  let at = symbols;
  for (; at + 16 <= end; at += 16) most = i8x16.max_u(most, v128.load(at));
  if (at < end) most = i8x16.max_u(most, v128.load64_zero(at));
  return v128.any_true(i8x16.eq(most, i8x16.splat(-1)));
}

/**
 * Widens the symbols to 16 bits at TRUE_SYMBOLS and replaces escapes by the symbols at `large`. Returns the
 * end of those used.
 */
function widen(symbols: usize, width: usize, large: usize, end: usize, escapes: bool, scratch: usize): usize {
  const truth = scratch + TRUE_SYMBOLS;
  for (let i: usize = 0; i < width << 3; i += 8) v128.store(truth + (i << 1), v128.load8x8_u(symbols + i));
  if (!escapes) return large;
  let at = large;
  for (let i: usize = 0; i < width << 3; i++) {
    if (load<u8>(symbols + i) !== 255) continue;
    if (at < end) store<u16>(truth + (i << 1), load<u16>(at));
    at += 2;
  }
  return at;
}

/** Decodes a segment's values from its symbols. Returns 0 or a negative error. */
function fill(segment: Segment, symbols0: usize, x: usize, scratch: usize): i32 {
  const s = settings(scratch);
  const width = s.width as usize;
  let symbols = symbols0;
  let large = segment.large;
  let low = scratch + LOWS;
  if (s.low > 0) unpackLows(segment, s.low, scratch);
  for (let strip = segment.first; strip < segment.first + segment.strips; strip++) {
    const height = heightOf(strip, s.height, s.rows);
    for (let y: u32 = 0; y < height; y++, symbols += width << 3) {
      const escapes = escapesIn(symbols, width);
      const bytes = !escapes && s.low === 0;
      if (!bytes) {
        large = widen(symbols, width, large, segment.raw, escapes, scratch);
        if (s.low > 0) low = joinLows(low, scratch);
      }
      const row = restoreRow(y, bytes ? symbols : scratch + TRUE_SYMBOLS, bytes, scratch);
      if (rowHoles(segment, strip, height, y, scratch)) refillRow(y, scratch + READ_ROW_HOLES, scratch);
      placeRow(x, strip, height, y, row, scratch);
    }
  }
  if (large !== segment.raw || low - scratch - LOWS !== segment.lowCount) return BAD_COUNT;
  const least = segment.first * 8 * s.height * s.width;
  for (let k: usize = 0; k < segment.rawCount; k++) {
    const at = segment.raw + (k << 3);
    const index = load<u32>(at);
    if (index < least || index - least >= (segment.total as u32) || index >= s.length) return BAD_INDEX;
    placeRaw(x + ((index as usize) << 2), load<u32>(at, 4), scratch);
  }
  if (segment.masked) placeHoles(x + ((segment.start as usize) << 2), scratch + RAW, segment.length as usize, scratch);
  return 0;
}

/** Decodes one segment, whose mask was read last if it has one. Returns 0 or a negative error. */
function decodeAlone(segment: Segment, x: usize, scratch: usize): i32 {
  const s = settings(scratch);
  const width = s.width as usize;
  const stream = openStream(segment, scratch, 0);
  for (let strip = segment.first; strip < segment.first + segment.strips; strip++) {
    const height = heightOf(strip, s.height, s.rows);
    startStrip(stream.above, width);
    for (let y: u32 = 0; y < height; y++) {
      if (rowHoles(segment, strip, height, y, scratch)) decodeBridged(stream, width, scratch);
      else decodeRow(stream, width, scratch);
    }
  }
  if (!isFinished(stream)) return BAD_STATE;
  return fill(segment, streamOf(scratch, 0).symbols, x, scratch);
}

/**
 * Decodes the strips from `first` on: a segment of `strips` strips, and another of `more` if that is not 0.
 * Returns the bytes read of the `available` ones, or a negative error.
 */
export function decodeDense(scratch: usize, x: usize, first: u32, strips: u32, more: u32, from: usize, available: usize): i32 {
  const s = settings(scratch);
  const width = s.width as usize;
  const end = from + available;
  const one = segmentOf(scratch, 0);
  const other = segmentOf(scratch, 1);
  let wrong = openSegment(one, first, strips, from, end, scratch);
  // A mask has room for one segment only, so segments are then decoded one after the other.
  const masked = one.masked;
  if (wrong === 0 && masked) wrong = decodeAlone(one, x, scratch);
  if (wrong === 0 && more > 0) wrong = openSegment(other, first + strips, more, one.end, end, scratch);
  if (wrong !== 0) return wrong;
  if (masked || (more > 0 && other.masked)) {
    if (!masked) wrong = decodeAlone(one, x, scratch);
    if (wrong === 0 && more > 0) wrong = decodeAlone(other, x, scratch);
    return wrong < 0 ? wrong : (((more > 0 ? other.end : one.end) - from) as i32);
  }
  const stream = openStream(one, scratch, 0);
  const second = openStream(more > 0 ? other : one, scratch, 1);
  for (let k: u32 = 0; k < max(strips, more); k++) {
    const height = k < strips ? heightOf(first + k, s.height, s.rows) : 0;
    const otherHeight = k < more ? heightOf(first + strips + k, s.height, s.rows) : 0;
    if (height === otherHeight) decodeStrip(stream, second, true, height, width, scratch);
    else {
      decodeStrip(stream, second, false, height, width, scratch);
      decodeStrip(second, stream, false, otherHeight, width, scratch);
    }
  }
  if (!isFinished(stream) || (more > 0 && !isFinished(second))) return BAD_STATE;
  wrong = fill(one, streamOf(scratch, 0).symbols, x, scratch);
  if (wrong === 0 && more > 0) wrong = fill(other, streamOf(scratch, 1).symbols, x, scratch);
  if (wrong !== 0) return wrong;
  return ((more > 0 ? other.end : one.end) - from) as i32;
}
