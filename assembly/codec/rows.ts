// Dense mode, a row of columns at a time: integers ↔ folded residuals ↔ symbols. src/codec/dense/segment.ts says what it
// means; lanes.ts makes the columns.
//
//   row      column by column, eight lanes each: one vector a column   (predicted)
//   symbols  one byte each, in the row's order                         (coded)
import { ROW_BYTES, ROWS, TRUE_SYMBOLS } from "./map";
import { unzigzag16, zigzag16 } from "./predict";
import { bitsOf, GATHER, opaque8, opaque16, SCATTER, settings } from "./scratch";

/** What is expected at a column, from left, above and their corner. */
// @inline
function expected(left: v128, up: v128, corner: v128, predictor: u32): v128 {
  if (predictor === 0) return i16x8.splat(0);
  if (predictor === 1) return left;
  if (predictor === 2) return up;
  const sum = i16x8.add(left, up);
  const plane = i16x8.sub(sum, corner);
  const low = i16x8.min_s(left, up);
  const high = i16x8.max_s(left, up);
  const median = i16x8.max_s(low, i16x8.min_s(high, plane));
  if (predictor === 3) return median;
  return i16x8.shr_s(i16x8.add(median, i16x8.shr_s(sum, 1)), 1);
}

/** Predictors of integers that count half steps, with residuals in whole ones. */
export const SMOOTH_HALVES: u32 = 5;
const WIDE_HALVES: u32 = 6;

// @inline
export function inHalves(predictor: u32): bool {
  return predictor >= SMOOTH_HALVES;
}

/** What is expected of half steps; `up` is above the column, at `at` in the row above, and `before` left of `left`. */
// @inline
function expectedHalves(
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

/** Right of a row stands its last column, twice. */
// @inline
function endRow(row: usize, width: usize, last: v128): void {
  v128.store(row + (width << 4), last);
  v128.store(row + (width << 4), last, 16);
}

/** Where a row of columns lies, and what lies above it: in a lane's first row, its own left neighbour. */
// @inline
export function rowAt(scratch: usize, y: u32): usize {
  return scratch + ROWS + 16 + (y & 1 ? ROW_BYTES : 0);
}

// @inline
function aboveOf(scratch: usize, y: u32, first: bool): usize {
  return first ? rowAt(scratch, y) - 16 : rowAt(scratch, y + 1);
}

// @inline
function residualsWith(row: usize, up0: usize, first: bool, width: usize, to: usize, predictor: u32): void {
  // Beyond the row's left end stands what is above its first column.
  let left = first ? i16x8.splat(0) : v128.load(up0);
  let corner = left;
  if (first) v128.store(row - 16, left);
  for (let x: usize = 0; x < width << 4; x += 16) {
    const v = v128.load(row + x);
    const up = v128.load(up0 + x);
    const r = i16x8.sub(v, expected(left, up, corner, predictor));
    v128.store(to + x, zigzag16(r));
    left = v;
    corner = up;
  }
}

/** The same in half steps: of the floors at `row` and the next integers, those at an even distance take their place. */
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

/** Folded residuals of the row that encodeRow left, at TRUE_SYMBOLS; `first`: nothing is above. */
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
  else if (first) {
    if (predictor === SMOOTH_HALVES) halvesWith(row, up, true, width, to, scratch, SMOOTH_HALVES);
    else halvesWith(row, up, true, width, to, scratch, WIDE_HALVES);
  } else if (predictor === SMOOTH_HALVES) halvesWith(row, up, false, width, to, scratch, SMOOTH_HALVES);
  else halvesWith(row, up, false, width, to, scratch, WIDE_HALVES);
}

/** The sum of what foldRow left. */
export function sumRow(scratch: usize): u32 {
  const from = scratch + TRUE_SYMBOLS;
  let sum = i32x4.splat(0);
  for (let x: usize = 0; x < (settings(scratch).width as usize) << 4; x += 16) {
    sum = i32x4.add(sum, i32x4.extadd_pairwise_i16x8_u(v128.load(from + x)));
  }
  const two = i32x4.add(sum, i8x16.shuffle(sum, sum, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
  return (i32x4.extract_lane(two, 0) + i32x4.extract_lane(two, 1)) as u32;
}

/** A threshold in sixteen lanes, its top bit turned: bytes compare as signed ones. */
// @inline
export function turned(thresholds: u32, k: u32, scratch: usize): v128 {
  return opaque8((thresholds >> (k << 3)) ^ 128, scratch);
}

/** How many of three thresholds sixteen bytes exceed, negative: a comparison is −1 where true. All with their top bits turned. */
// @inline
export function exceeded(value: v128, t0: v128, t1: v128, t2: v128): v128 {
  return i8x16.add(i8x16.gt_s(value, t0), i8x16.add(i8x16.gt_s(value, t1), i8x16.gt_s(value, t2)));
}

/** ul + 2·u + ur of sixteen symbols: two columns. */
// @inline
export function areaAt(above: usize): v128 {
  const u = v128.load(above);
  return i8x16.add(i8x16.add(u, u), i8x16.add(v128.load(above - 8), v128.load(above, 8)));
}

/** Nothing is above a strip's first row; `above` lies between eight zeros on either side. */
export function startStrip(above: usize, width: usize): void {
  memory.fill(above - 8, 0, (width << 3) + 32);
}

/** What the next row will find above it: symbols of at most 63, zeros at both ends. */
export function keepAbove(symbols: usize, width: usize, above: usize, scratch: usize): void {
  const most = opaque8(63, scratch);
  for (let i: usize = 0; i < width << 3; i += 16) {
    v128.store(above + i, i8x16.min_u(v128.load(symbols + i), most));
  }
  store<u64>(above - 8, 0);
  store<u64>(above + (width << 3), 0);
  store<u64>(above + (width << 3), 0, 8);
}

/** A column's folded residuals at `at` become symbols; their low bits go behind `lows`, whose end is returned. */
// @inline
function divide(at: usize, lows: usize, low: i32, mask: v128, one: v128, scratch: usize): usize {
  const z = v128.load(at);
  const none = i16x8.eq(z, i16x8.splat(0));
  const down = i16x8.sub(z, one);
  v128.store(at, v128.andnot(i16x8.add(i16x8.shr_u(down, low), one), none));
  const lanes = bitsOf(none) ^ 255;
  const kept = i8x16.swizzle(v128.and(down, mask), v128.load(scratch + GATHER + (lanes << 4)));
  v128.store64_lane(lows, i8x16.narrow_i16x8_u(kept, kept), 0);
  return lows + (popcnt(lanes as u32) as usize);
}

/** The row at TRUE_SYMBOLS, folded residuals, becomes symbols; low bits behind `lows`. Returns the end of these. */
export function divideRow(lows: usize, scratch: usize): usize {
  const s = settings(scratch);
  const low = s.low as i32;
  const mask = opaque16(((1 as i32) << low) - 1, scratch);
  const one = opaque16(1, scratch);
  const truth = scratch + TRUE_SYMBOLS;
  let end = lows;
  for (let x: usize = 0; x < (s.width as usize) << 4; x += 16) end = divide(truth + x, end, low, mask, one, scratch);
  return end;
}

/** A column's folded residuals: sixteen bits each, or bytes. */
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
    left = i16x8.add(unzigzag16(foldedAt(from, x, bytes)), expected(left, up, corner, predictor));
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
  else if (y === 0) {
    if (predictor === SMOOTH_HALVES) restoreHalves(row, up, true, width, from, bytes, scratch, SMOOTH_HALVES);
    else restoreHalves(row, up, true, width, from, bytes, scratch, WIDE_HALVES);
  } else if (predictor === SMOOTH_HALVES) restoreHalves(row, up, false, width, from, bytes, scratch, SMOOTH_HALVES);
  else restoreHalves(row, up, false, width, from, bytes, scratch, WIDE_HALVES);
}

/** The columns of row y from its folded residuals, sixteen bits each or `bytes`; returns where they are. */
export function restoreRow(y: u32, from: usize, bytes: bool, scratch: usize): usize {
  const row = rowAt(scratch, y);
  const up = aboveOf(scratch, y, y === 0);
  const width = settings(scratch).width as usize;
  if (bytes) restoreEach(row, up, y, width, from, true, scratch);
  else restoreEach(row, up, y, width, from, false, scratch);
  return row;
}

/** Symbols (16 bits, at TRUE_SYMBOLS) take their low bits and become folded residuals. Returns the end of these. */
export function joinLows(lows: usize, scratch: usize): usize {
  const s = settings(scratch);
  const one = opaque16(1, scratch);
  const factor = opaque16((1 as i32) << (s.low as i32), scratch);
  const zero = i16x8.splat(0);
  const from = scratch + TRUE_SYMBOLS;
  let at = lows;
  for (let x: usize = 0; x < (s.width as usize) << 4; x += 16) {
    const symbol = v128.load(from + x);
    const none = i16x8.eq(symbol, zero);
    const mask = bitsOf(none) ^ 255;
    const eight = v128.load8x8_u(at);
    const bits = i8x16.swizzle(eight, v128.load(scratch + SCATTER + (mask << 4)));
    at += popcnt(mask as u32) as usize;
    const high = i16x8.mul(i16x8.sub(symbol, one), factor);
    v128.store(from + x, v128.andnot(i16x8.add(i16x8.add(high, bits), one), none));
  }
  return at;
}
