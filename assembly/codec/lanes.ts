// Rows of floats of eight lanes → columns of eight integers; values.ts is the inverse. src/codec/dense/segment.ts
// defines the order.
//
//   lane rows   the rows of the eight lanes one after another, 16 bits each, laneBytes apart   (quantised)
//   row         column by column, eight lanes each: one vector a column                       (to be predicted)
import { checkedFour } from "./checked";
import { mix } from "./checksum";
import { further, turnOf } from "./dither";
import { LANES, MOST_RAW, PADDED, RAW, ROW_HOLES } from "./map";
import { flip } from "./mask";
import { DITHERED, HALVES, magicOf, nearEight, PAPER, quantizeNear, SIGNED, SUPPORT } from "./quantize";
import { inHalves, rowAt, ZEROS_APART } from "./rows";
import { opaque16, opaqueFloat, Settings, settings } from "./scratch";
import { storeTransposed, transpose } from "./transpose";

/** No integer of dense mode has this value; it marks values that stay raw. */
const NONE: i32 = -32768;
/** Larger floors stay raw. */
const LARGEST_FLOOR: i16 = 4095;

/** What happens to raw values: all are listed; words that differ from the one before are counted; all are masked. */
export const LISTED: u32 = 0;
export const TALLIED: u32 = 1;
export const MASKED: u32 = 2;

/** Marks a hole at column `column` of a row. */
// @inline
function markHole(column: usize, lane: u32, s: Settings, scratch: usize): void {
  if (s.holes === 0) memory.fill(scratch + ROW_HOLES, 0, s.width as usize);
  const at = scratch + ROW_HOLES + column;
  store<u8>(at, (load<u8>(at) as u32) | (1 << lane));
  s.holes = 1;
}

/**
 * Keeps the raw value of `lane` in a column; `fits` says that it is a zero, for which a gapless model has no integer. Returns
 * the new number of raw values, or −1 for too many.
 */
function keepRaw(index: u32, word: u32, column: usize, lane: u32, fits: bool, raw: i32, s: Settings, scratch: usize): i32 {
  if (s.raws === MASKED) {
    flip(scratch + RAW, (index - s.maskFirst) as usize);
    markHole(column, lane, s, scratch);
    return raw + 1;
  }
  if (s.raws === TALLIED) {
    if (!fits) markHole(column, lane, s, scratch);
    if (raw > 0 && word === s.lastWord) return raw;
    s.lastWord = word;
    return raw < (MOST_RAW as i32) ? raw + 1 : -1;
  }
  if (raw >= (MOST_RAW as i32)) return -1;
  store<u32>(scratch + RAW + ((raw as usize) << 3), index);
  store<u32>(scratch + RAW + ((raw as usize) << 3), word, 4);
  return raw + 1;
}

/** Bytes from one lane row to the next: 2·width and at least 16 more, a multiple of 16. */
// @inline
export function laneBytes(width: usize): usize {
  return ((width << 1) + 31) & ~15;
}

/** Replaces integers beyond ±largest by NONE. */
// @inline
function fitting(integer: v128, largest: v128): v128 {
  return v128.bitselect(i32x4.splat(NONE), integer, i32x4.gt_s(i32x4.abs(integer), largest));
}

/** The floors of `count` values in half steps; NONE where they are too far from zero. */
function floorRow(from: usize, count: usize, to: usize, scratch: usize): void {
  const scale = opaqueFloat(settings(scratch).inverse, scratch);
  const magic = magicOf(scratch);
  const least = opaque16(-LARGEST_FLOOR, scratch);
  const most = opaque16(LARGEST_FLOOR, scratch);
  for (let i: usize = 0; i < count; i += 8) {
    const v = nearEight(from + i * 4, scale, scale, magic, magic, magic, magic, magic, scratch, HALVES);
    const far = v128.or(i16x8.lt_s(v, least), i16x8.gt_s(v, most));
    v128.store(to + i * 2, v128.bitselect(i16x8.splat(NONE as i16), v, far));
  }
}

/**
 * The 16-bit integers of `count` values, the first of which has index `index`; NONE where a value has none.
 */
// @inline
function checkedRow(from: usize, count: usize, index: u32, to: usize, scratch: usize, quantizer: u32): void {
  const s = settings(scratch);
  const magic = magicOf(scratch);
  // With zeros apart, a folded residual must leave room for one more.
  const largest = i32x4.splat(s.predictor === ZEROS_APART ? 16383 : 32767);
  const four = further(4, scratch);
  let turn = turnOf(index, mix(s.seed));
  for (let i: usize = 0; i < count; i += 8) {
    const a = fitting(checkedFour(v128.load(from + i * 4), turn, magic, s, scratch, quantizer), largest);
    turn = i32x4.add(turn, four);
    const b = fitting(checkedFour(v128.load(from + i * 4, 16), turn, magic, s, scratch, quantizer), largest);
    turn = i32x4.add(turn, four);
    v128.store(to + i * 2, i16x8.narrow_i32x4_s(a, b));
  }
}

/**
 * Quantises a lane's row of `count` values to 16-bit integers at `to`; the first value has index `index`. Up
 * to 15 integers more may be written. Appends raw values to the `raw` existing ones. Returns the new number,
 * or −1 for too many.
 */
function quantizeRow(x: usize, end: usize, count: usize, index: u32, lane: u32, to: usize, raw: i32, scratch: usize): i32 {
  const s = settings(scratch);
  let from = x;
  const bytes = count << 2;
  // Vectors read up to 60 bytes beyond the row. If that is beyond the tensor, a padded copy is read instead.
  if (x + bytes + 60 > end) {
    from = scratch + PADDED;
    memory.copy(from, x, bytes);
    memory.fill(from + bytes, 0, 64);
  }
  const halves = inHalves(s.predictor);
  const near = !halves && quantizeNear(from, (count + 15) & ~15, to, index, scratch);
  if (near && !s.gapless) return raw;
  if (!near) {
    if (halves) floorRow(from, count, to, scratch);
    else if (s.quantizer === SUPPORT) checkedRow(from, count, index, to, scratch, SUPPORT);
    else if (s.quantizer === PAPER) checkedRow(from, count, index, to, scratch, PAPER);
    else if (s.quantizer === SIGNED) checkedRow(from, count, index, to, scratch, SIGNED);
    else checkedRow(from, count, index, to, scratch, DITHERED);
  }
  return noteRaw(from, count, index, lane, to, raw, s, scratch);
}

/**
 * Appends the values that stay raw to the list, and moves integers above 0 down if the model leaves zero out.
 */
function noteRaw(x: usize, count: usize, index: u32, row: u32, to: usize, raw: i32, s: Settings, scratch: usize): i32 {
  const none = i16x8.splat(NONE as i16);
  const zero = i16x8.splat(0);
  const gapless = s.gapless !== 0;
  let found = raw;
  for (let i: usize = 0; i < count; i += 8) {
    let v = v128.load(to + i * 2);
    let kept = i16x8.eq(v, none);
    const unfit = i16x8.bitmask(kept);
    if (gapless) kept = v128.or(kept, i16x8.eq(v, zero));
    let bits = i16x8.bitmask(kept);
    if (bits !== 0) {
      for (let lane: usize = 0; lane < 8; lane++) {
        if (((bits >> (lane as i32)) & 1) === 0 || i + lane >= count) continue;
        const at = i + lane;
        const fits = ((unfit >> (lane as i32)) & 1) === 0;
        found = keepRaw(index + (at as u32), load<u32>(x + (at << 2)), at, row, fits, found, s, scratch);
        if (found < 0) return -1;
      }
      v = v128.andnot(v, kept);
    }
    if (gapless) v = i16x8.add(v, i16x8.gt_s(v, zero));
    v128.store(to + i * 2, v);
  }
  return found;
}

const FAR: u32 = 1;
const ZEROS: u32 = 2;

/** Moves integers above 0 down by one. */
// @inline
function closed(v: v128): v128 {
  return i16x8.add(v, i16x8.gt_s(v, i16x8.splat(0)));
}

/**
 * Quantises eight rows, `stride` bytes apart, to columns without checking each value. Returns FAR if some
 * value does need a check. Otherwise returns ZEROS if there are zeros and `gapless` is set, and 0 in all
 * other cases.
 */
// @inline
function nearColumns(x: usize, stride: usize, first: u32, row: usize, scratch: usize, gapless: bool, quantizer: u32): u32 {
  const s = settings(scratch);
  const scale = opaqueFloat(s.inverse, scratch);
  const below = opaqueFloat(s.negativeInverse, scratch);
  const magic = magicOf(scratch);
  const one = opaque16(1, scratch);
  const minusOne = opaque16(-1, scratch);
  const four = further(4, scratch);
  const eight = further(8, scratch);
  const apart = further((stride >> 2) as u32, scratch);
  let n0 = turnOf(first, mix(s.seed));
  const width = s.width as usize;
  const half = stride * 4;
  let least = i16x8.splat(0);
  let most = least;
  let zeros = least;
  for (let i: usize = 0; i < width; i += 8) {
    const at = x + (i << 2);
    const n1 = i32x4.add(n0, apart);
    const n2 = i32x4.add(n1, apart);
    const n3 = i32x4.add(n2, apart);
    const n4 = i32x4.add(n3, apart);
    const n5 = i32x4.add(n4, apart);
    const n6 = i32x4.add(n5, apart);
    const n7 = i32x4.add(n6, apart);
    const a = nearEight(at, scale, below, magic, one, minusOne, n0, four, scratch, quantizer);
    const b = nearEight(at + stride, scale, below, magic, one, minusOne, n1, four, scratch, quantizer);
    const c = nearEight(at + stride * 2, scale, below, magic, one, minusOne, n2, four, scratch, quantizer);
    const d = nearEight(at + stride * 3, scale, below, magic, one, minusOne, n3, four, scratch, quantizer);
    const e = nearEight(at + half, scale, below, magic, one, minusOne, n4, four, scratch, quantizer);
    const f = nearEight(at + half + stride, scale, below, magic, one, minusOne, n5, four, scratch, quantizer);
    const g = nearEight(at + half + stride * 2, scale, below, magic, one, minusOne, n6, four, scratch, quantizer);
    const h = nearEight(at + half + stride * 3, scale, below, magic, one, minusOne, n7, four, scratch, quantizer);
    n0 = i32x4.add(n0, eight);
    const low = i16x8.min_s(i16x8.min_s(i16x8.min_s(a, b), i16x8.min_s(c, d)), i16x8.min_s(e, f));
    const high = i16x8.max_s(i16x8.max_s(i16x8.max_s(a, b), i16x8.max_s(c, d)), i16x8.max_s(e, f));
    least = i16x8.min_s(least, i16x8.min_s(low, i16x8.min_s(g, h)));
    most = i16x8.max_s(most, i16x8.max_s(high, i16x8.max_s(g, h)));
    if (!gapless) storeTransposed(row + (i << 4), 16, a, b, c, d, e, f, g, h);
    else {
      const zero = i16x8.splat(0);
      const ab = v128.or(i16x8.eq(a, zero), i16x8.eq(b, zero));
      const cd = v128.or(i16x8.eq(c, zero), i16x8.eq(d, zero));
      const ef = v128.or(i16x8.eq(e, zero), i16x8.eq(f, zero));
      const gh = v128.or(i16x8.eq(g, zero), i16x8.eq(h, zero));
      zeros = v128.or(zeros, v128.or(v128.or(ab, cd), v128.or(ef, gh)));
      storeTransposed(row + (i << 4), 16, closed(a), closed(b), closed(c), closed(d), closed(e), closed(f), closed(g), closed(h));
    }
  }
  const limit = i16x8.splat(quantizer === HALVES ? LARGEST_FLOOR : (s.near as i16));
  if (v128.any_true(v128.or(i16x8.gt_s(most, limit), i16x8.lt_s(least, i16x8.neg(limit))))) return FAR;
  return gapless && v128.any_true(zeros) ? ZEROS : 0;
}

/** Appends the zeros of a row of `count` values to the raw values, as noteRaw does. */
function noteZeros(x: usize, count: usize, index: u32, lane: u32, raw: i32, scratch: usize): i32 {
  const s = settings(scratch);
  const zero = f32x4.splat(0);
  let found = raw;
  for (let i: usize = 0; i < count; i += 4) {
    let bits = i32x4.bitmask(f32x4.eq(v128.load(x + (i << 2)), zero));
    for (; bits !== 0; bits &= bits - 1) {
      const at = i + (ctz(bits) as usize);
      if (at >= count) break;
      found = keepRaw(index + (at as u32), load<u32>(x + (at << 2)), at, lane, true, found, s, scratch);
      if (found < 0) return -1;
    }
  }
  return found;
}

/** nearColumns for the quantizer in use. */
// @inline
function nearRow(x: usize, stride: usize, first: u32, row: usize, scratch: usize, gapless: bool, quantizer: u32): u32 {
  if (quantizer === SUPPORT) return nearColumns(x, stride, first, row, scratch, gapless, SUPPORT);
  if (quantizer === SIGNED) return nearColumns(x, stride, first, row, scratch, gapless, SIGNED);
  return nearColumns(x, stride, first, row, scratch, gapless, DITHERED);
}

/**
 * Quantises row y of strip `strip` (lanes of `height` rows) to columns at rowAt. Returns the number of raw
 * values so far, or −1 for too many.
 */
export function encodeRow(x: usize, strip: u32, height: u32, y: u32, raw: i32, scratch: usize): i32 {
  const s = settings(scratch);
  const width = s.width as usize;
  s.holes = 0;
  const end = x + ((s.length as usize) << 2);
  const first = (strip * 8 * s.height + y) * s.width;
  const apart = (height as usize) * width * 4;
  const last = x + ((first as usize) << 2) + apart * 7;
  if (s.near >= 0 && last + ((width + 8) << 2) <= end) {
    const from = x + ((first as usize) << 2);
    const columns = rowAt(scratch, y);
    let state: u32;
    if (inHalves(s.predictor)) state = nearColumns(from, apart, first, columns, scratch, false, HALVES);
    else if (s.quantizer === PAPER) state = nearColumns(from, apart, first, columns, scratch, false, PAPER);
    else if (s.gapless) state = nearRow(from, apart, first, columns, scratch, true, s.quantizer);
    else state = nearRow(from, apart, first, columns, scratch, false, s.quantizer);
    if (state === 0) return raw;
    if (state === ZEROS) {
      let found = raw;
      for (let lane: u32 = 0; lane < 8 && found >= 0; lane++) {
        found = noteZeros(from + (lane as usize) * apart, width, first + lane * height * s.width, lane, found, scratch);
      }
      return found;
    }
  }
  const stride = laneBytes(width);
  let found = raw;
  for (let lane: u32 = 0; lane < 8; lane++) {
    const row = strip * 8 * s.height + lane * height + y;
    const index = row * s.width;
    const to = scratch + LANES + (lane as usize) * stride;
    const count = row < s.rows ? min<u32>(s.width, s.length - index) : 0;
    if (count < s.width) memory.fill(to, 0, (width + 8) << 1);
    if (count === 0) continue;
    found = quantizeRow(x + ((index as usize) << 2), end, count as usize, index, lane, to, found, scratch);
    if (found < 0) return -1;
    // The vectors of an incomplete row wrote past its values; these integers are cleared.
    if (count < s.width) memory.fill(to + ((count as usize) << 1), 0, (width + 8 - (count as usize)) << 1);
  }
  const row = rowAt(scratch, y);
  for (let i: usize = 0; i < width; i += 8) transpose(row + (i << 4), 16, scratch + LANES + (i << 1), stride);
  return found;
}
