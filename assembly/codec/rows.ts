// Dense mode, a row of columns at a time: integers ↔ folded residuals ↔ symbols. src/codec/dense/segment.ts defines
// them; lanes.ts makes the columns.
//
//   row      column by column, eight lanes each: one vector a column   (predicted)
//   symbols  one byte each, in the row's order                         (coded)
import { ROW_BYTES, ROWS, TRUE_SYMBOLS } from "./map";
import { unzigzag16, zigzag16 } from "./predict";
import { bitsOf, GATHER, opaque8, opaque16, SCATTER, settings } from "./scratch";

/** The median, with a residual of its own for the integer 0. */
export const ZEROS_APART: u32 = 7;

/** The prediction for a column, from its left, upper and corner neighbours. */
// @inline
export function expected(left: v128, up: v128, corner: v128, predictor: u32): v128 {
  if (predictor === 0) return i16x8.splat(0);
  if (predictor === 1) return left;
  if (predictor === 2) return up;
  const sum = i16x8.add(left, up);
  const plane = i16x8.sub(sum, corner);
  const low = i16x8.min_s(left, up);
  const high = i16x8.max_s(left, up);
  const median = i16x8.max_s(low, i16x8.min_s(high, plane));
  if (predictor === 3 || predictor === ZEROS_APART) return median;
  return i16x8.shr_s(i16x8.add(median, i16x8.shr_s(sum, 1)), 1);
}

/** Predictors for integers that count half steps; their residuals count whole steps. */
export const SMOOTH_HALVES: u32 = 5;
const WIDE_HALVES: u32 = 6;

// @inline
export function inHalves(predictor: u32): bool {
  return predictor === SMOOTH_HALVES || predictor === WIDE_HALVES;
}

/**
 * The prediction in half steps. `up` lies above the column, at address `at` in the row above; `before` is
 * left of `left`.
 */
// @inline
export function expectedHalves(
  before: v128,
  left: v128,
  up: v128,
  corner: v128,
  at: usize,
  first: bool,
  three: v128,
  predictor: u32,
): v128 {
  if (predictor === SMOOTH_HALVES) return expected(left, up, corner, 4);
  const right = first ? up : v128.load(at, 16);
  const further = first ? up : v128.load(at, 32);
  const near = i16x8.shl(i16x8.add(i16x8.add(left, up), right), 1);
  const far = i16x8.add(i16x8.add(before, further), three);
  return i16x8.shr_s(i16x8.add(near, far), 3);
}

/** Writes the row's last column twice more after its end, as the neighbours to the right. */
// @inline
function endRow(row: usize, width: usize, last: v128): void {
  v128.store(row + (width << 4), last);
  v128.store(row + (width << 4), last, 16);
}

/**
 * The address of row y's columns. Rows alternate between two places, so the row above is in the other one.
 */
// @inline
export function rowAt(scratch: usize, y: u32): usize {
  return scratch + ROWS + 16 + (y & 1 ? ROW_BYTES : 0);
}

/**
 * The address of the row above. In a lane's first row the left neighbour is used, which lies 16 bytes before.
 */
// @inline
export function aboveOf(scratch: usize, y: u32, first: bool): usize {
  return first ? rowAt(scratch, y) - 16 : rowAt(scratch, y + 1);
}

/** Folded residuals of integers v, one more than z, but 1 for the integer 0; 0 stays 0. */
// @inline
function apart(v: v128, z: v128): v128 {
  const zero = i16x8.splat(0);
  const one = i16x8.splat(1);
  const more = v128.bitselect(one, i16x8.add(z, one), i16x8.eq(v, zero));
  return v128.andnot(more, i16x8.eq(z, zero));
}

// @inline
function residualsWith(row: usize, up0: usize, first: bool, width: usize, to: usize, predictor: u32): void {
  // The neighbours beyond the left end of a row have the value above its first column.
  let left = first ? i16x8.splat(0) : v128.load(up0);
  let corner = left;
  if (first) v128.store(row - 16, left);
  for (let x: usize = 0; x < width << 4; x += 16) {
    const v = v128.load(row + x);
    const up = v128.load(up0 + x);
    const z = zigzag16(i16x8.sub(v, expected(left, up, corner, predictor)));
    v128.store(to + x, predictor === ZEROS_APART ? apart(v, z) : z);
    left = v;
    corner = up;
  }
}

/**
 * residualsWith in half steps. Of each floor at `row` and the next integer, the one at an even distance from
 * the prediction is kept.
 */
// @inline
function halvesWith(row: usize, above: usize, first: bool, width: usize, to: usize, scratch: usize, predictor: u32): void {
  const one = opaque16(1, scratch);
  const three = opaque16(3, scratch);
  let left = first ? i16x8.splat(0) : v128.load(above);
  let corner = left;
  let before = left;
  for (let x: usize = 0; x < width << 4; x += 16) {
    const floor = v128.load(row + x);
    const up = first ? left : v128.load(above + x);
    const expect = expectedHalves(before, left, up, corner, above + x, first, three, predictor);
    const v = i16x8.add(floor, v128.and(v128.xor(floor, expect), one));
    v128.store(row + x, v);
    v128.store(to + x, zigzag16(i16x8.shr_s(i16x8.sub(v, expect), 1)));
    before = left;
    left = v;
    corner = up;
  }
  endRow(row, width, left);
}

/**
 * Writes the folded residuals of the row from encodeRow to TRUE_SYMBOLS; `first` means that there is no row
 * above.
 */
export function foldRow(y: u32, first: bool, scratch: usize): void {
  const s = settings(scratch);
  const row = rowAt(scratch, y);
  const up = aboveOf(scratch, y, first);
  const width = s.width as usize;
  const to = scratch + TRUE_SYMBOLS;
  const predictor = s.predictor;
  if (predictor === 0) residualsWith(row, up, first, width, to, 0);
  else if (predictor === 1) residualsWith(row, up, first, width, to, 1);
  else if (predictor === 2) residualsWith(row, up, first, width, to, 2);
  else if (predictor === 3) residualsWith(row, up, first, width, to, 3);
  else if (predictor === 4) residualsWith(row, up, first, width, to, 4);
  else if (predictor === ZEROS_APART) residualsWith(row, up, first, width, to, ZEROS_APART);
  else if (first) {
    if (predictor === SMOOTH_HALVES) halvesWith(row, up, true, width, to, scratch, SMOOTH_HALVES);
    else halvesWith(row, up, true, width, to, scratch, WIDE_HALVES);
  } else if (predictor === SMOOTH_HALVES) halvesWith(row, up, false, width, to, scratch, SMOOTH_HALVES);
  else halvesWith(row, up, false, width, to, scratch, WIDE_HALVES);
}

/** The sum of the folded residuals at TRUE_SYMBOLS. */
export function sumRow(scratch: usize): u32 {
  const from = scratch + TRUE_SYMBOLS;
  let sum = i32x4.splat(0);
  for (let x: usize = 0; x < (settings(scratch).width as usize) << 4; x += 16) {
    sum = i32x4.add(sum, i32x4.extadd_pairwise_i16x8_u(v128.load(from + x)));
  }
  const two = i32x4.add(sum, i8x16.shuffle(sum, sum, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
  return (i32x4.extract_lane(two, 0) + i32x4.extract_lane(two, 1)) as u32;
}

/**
 * Threshold k in sixteen lanes with its top bit flipped, so that signed comparison orders bytes as unsigned.
 */
// @inline
export function turned(thresholds: u32, k: u32, scratch: usize): v128 {
  return opaque8((thresholds >> (k << 3)) ^ 128, scratch);
}

/**
 * Minus the number of three thresholds that each of sixteen bytes exceeds (a comparison is −1 where true).
 * All operands have their top bits flipped.
 */
// @inline
export function exceeded(value: v128, t0: v128, t1: v128, t2: v128): v128 {
  return i8x16.add(i8x16.gt_s(value, t0), i8x16.add(i8x16.gt_s(value, t1), i8x16.gt_s(value, t2)));
}

/** ul + 2·u + ur of sixteen symbols, which are two columns. */
// @inline
export function areaAt(above: usize): v128 {
  const u = v128.load(above);
  return i8x16.add(i8x16.add(u, u), i8x16.add(v128.load(above - 8), v128.load(above, 8)));
}

/** Clears the row above a strip's first row, with eight zeros on either side of it. */
export function startStrip(above: usize, width: usize): void {
  memory.fill(above - 8, 0, (width << 3) + 32);
}

/** Stores a row of symbols, clamped to 63, as the row above the next one, with zeros at both ends. */
export function keepAbove(symbols: usize, width: usize, above: usize, scratch: usize): void {
  const most = opaque8(63, scratch);
  for (let i: usize = 0; i < width << 3; i += 16) {
    v128.store(above + i, i8x16.min_u(v128.load(symbols + i), most));
  }
  store<u64>(above - 8, 0);
  store<u64>(above + (width << 3), 0);
  store<u64>(above + (width << 3), 0, 8);
}

/** The least folded residual that has low bits. */
// @inline
function firstDivided(predictor: u32): i32 {
  return predictor === ZEROS_APART ? 2 : 1;
}

/**
 * Turns a column's folded residuals at `at` into symbols, and appends their low bits to `lows`. Returns the
 * new end.
 */
// @inline
function divide(at: usize, lows: usize, low: i32, mask: v128, first: v128, scratch: usize): usize {
  const z = v128.load(at);
  const none = i16x8.lt_u(z, first);
  const down = i16x8.sub(z, first);
  v128.store(at, v128.bitselect(z, i16x8.add(i16x8.shr_u(down, low), first), none));
  const lanes = bitsOf(none) ^ 255;
  const kept = i8x16.swizzle(v128.and(down, mask), v128.load(scratch + GATHER + (lanes << 4)));
  v128.store64_lane(lows, i8x16.narrow_i16x8_u(kept, kept), 0);
  return lows + (popcnt(lanes as u32) as usize);
}

/**
 * Turns the row of folded residuals at TRUE_SYMBOLS into symbols, and appends low bits to `lows`. Returns the
 * new end.
 */
export function divideRow(lows: usize, scratch: usize): usize {
  const s = settings(scratch);
  const low = s.low as i32;
  const mask = opaque16(((1 as i32) << low) - 1, scratch);
  const first = opaque16(firstDivided(s.predictor), scratch);
  const truth = scratch + TRUE_SYMBOLS;
  let end = lows;
  for (let x: usize = 0; x < (s.width as usize) << 4; x += 16) end = divide(truth + x, end, low, mask, first, scratch);
  return end;
}

/** A column's folded residuals, stored as 16 bits or as bytes. */
// @inline
function foldedAt(from: usize, x: usize, bytes: bool): v128 {
  return bytes ? v128.load8x8_u(from + (x >> 1)) : v128.load(from + x);
}

// @inline
function restoreWith(row: usize, up0: usize, y: u32, width: usize, from: usize, bytes: bool, predictor: u32): void {
  let left = y === 0 ? i16x8.splat(0) : v128.load(up0);
  let corner = left;
  if (y === 0) v128.store(row - 16, left);
  for (let x: usize = 0; x < width << 4; x += 16) {
    const up = v128.load(up0 + x);
    const folded = foldedAt(from, x, bytes);
    const expect = expected(left, up, corner, predictor);
    if (predictor === ZEROS_APART) {
      const one = i16x8.splat(1);
      left = i16x8.add(unzigzag16(i16x8.sub_sat_u(folded, one)), expect);
      left = v128.andnot(left, i16x8.eq(folded, one));
    } else left = i16x8.add(unzigzag16(folded), expect);
    v128.store(row + x, left);
    corner = up;
  }
}

// @inline
function restoreHalves(
  row: usize,
  above: usize,
  first: bool,
  width: usize,
  from: usize,
  bytes: bool,
  scratch: usize,
  predictor: u32,
): void {
  const three = opaque16(3, scratch);
  let left = first ? i16x8.splat(0) : v128.load(above);
  let corner = left;
  let before = left;
  for (let x: usize = 0; x < width << 4; x += 16) {
    const up = first ? left : v128.load(above + x);
    const expect = expectedHalves(before, left, up, corner, above + x, first, three, predictor);
    before = left;
    left = i16x8.add(expect, i16x8.shl(unzigzag16(foldedAt(from, x, bytes)), 1));
    v128.store(row + x, left);
    corner = up;
  }
  endRow(row, width, left);
}

// @inline
function restoreEach(row: usize, up: usize, y: u32, width: usize, from: usize, bytes: bool, scratch: usize): void {
  const predictor = settings(scratch).predictor;
  if (predictor === 0) restoreWith(row, up, y, width, from, bytes, 0);
  else if (predictor === 1) restoreWith(row, up, y, width, from, bytes, 1);
  else if (predictor === 2) restoreWith(row, up, y, width, from, bytes, 2);
  else if (predictor === 3) restoreWith(row, up, y, width, from, bytes, 3);
  else if (predictor === 4) restoreWith(row, up, y, width, from, bytes, 4);
  else if (predictor === ZEROS_APART) restoreWith(row, up, y, width, from, bytes, ZEROS_APART);
  else if (y === 0) {
    if (predictor === SMOOTH_HALVES) restoreHalves(row, up, true, width, from, bytes, scratch, SMOOTH_HALVES);
    else restoreHalves(row, up, true, width, from, bytes, scratch, WIDE_HALVES);
  } else if (predictor === SMOOTH_HALVES) restoreHalves(row, up, false, width, from, bytes, scratch, SMOOTH_HALVES);
  else restoreHalves(row, up, false, width, from, bytes, scratch, WIDE_HALVES);
}

/**
 * Restores the columns of row y from its folded residuals (16 bits each, or bytes). Returns the row's
 * address.
 */
export function restoreRow(y: u32, from: usize, bytes: bool, scratch: usize): usize {
  const row = rowAt(scratch, y);
  const up = aboveOf(scratch, y, y === 0);
  const width = settings(scratch).width as usize;
  if (bytes) restoreEach(row, up, y, width, from, true, scratch);
  else restoreEach(row, up, y, width, from, false, scratch);
  return row;
}

/**
 * Joins the symbols at TRUE_SYMBOLS (16 bits) with their low bits to folded residuals. Returns the end of the
 * low bits used.
 */
export function joinLows(lows: usize, scratch: usize): usize {
  const s = settings(scratch);
  const first = opaque16(firstDivided(s.predictor), scratch);
  const factor = opaque16((1 as i32) << (s.low as i32), scratch);
  const from = scratch + TRUE_SYMBOLS;
  let at = lows;
  for (let x: usize = 0; x < (s.width as usize) << 4; x += 16) {
    const symbol = v128.load(from + x);
    const none = i16x8.lt_u(symbol, first);
    const mask = bitsOf(none) ^ 255;
    const eight = v128.load8x8_u(at);
    const bits = i8x16.swizzle(eight, v128.load(scratch + SCATTER + (mask << 4)));
    at += popcnt(mask as u32) as usize;
    const high = i16x8.mul(i16x8.sub(symbol, first), factor);
    v128.store(from + x, v128.bitselect(symbol, i16x8.add(i16x8.add(high, bits), first), none));
  }
  return at;
}
