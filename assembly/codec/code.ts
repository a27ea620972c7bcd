// Dense mode's symbols and their contexts, one row at a time: the input of the entropy coder.
// src/codec/stages/model.ts defines the context of a symbol; rans.ts codes it.
import { ABOVE, PADDED, TOPS, TRUE_SYMBOLS } from "./map";
import { exceeded, turned } from "./rows";
import { opaque8, opaque16, settings } from "./scratch";

/** 4·area + left, from the negated classes. */
// @inline
function contextsOf(area: v128, left: v128): v128 {
  const twice = i8x16.add(area, area);
  return i8x16.sub(i8x16.sub(i32x4.splat(0), left), i8x16.add(twice, twice));
}

/** The last column of `before` and the first column of `pair`: the left neighbours of `pair`. */
// @inline
function leftOf(before: v128, pair: v128): v128 {
  return i8x16.shuffle(before, pair, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23);
}

/**
 * Replaces symbols of a column that have no code in their context by the escape, and appends the original
 * symbols to `large`, but not past `limit`. Returns the end of the list as if all had been stored.
 */
function escapeColumn(symbols: usize, contexts: usize, truth: usize, large: usize, limit: usize, scratch: usize): usize {
  let end = large;
  for (let lane: usize = 0; lane < 8; lane++) {
    if (load<u8>(symbols + lane) <= load<u8>(scratch + TOPS + (load<u8>(contexts + lane) as usize))) continue;
    store<u8>(symbols + lane, 255);
    if (end < limit) store<u16>(end, load<u16>(truth + (lane << 1)));
    end += 2;
  }
  return end;
}

/**
 * Codes the row of symbols at TRUE_SYMBOLS: writes (context·2^8 + symbol)·2^3, 16 bits each, to `to`, and
 * stores the row at ABOVE for the next one. Symbols without a code are appended to `large`. Returns the end
 * of that list, which is beyond `limit` if there are too many.
 */
export function codeRow(to: usize, large: usize, limit: usize, scratch: usize): usize {
  const s = settings(scratch);
  const width = s.width as usize;
  const area0 = turned(s.area, 0, scratch);
  const area1 = turned(s.area, 1, scratch);
  const area2 = turned(s.area, 2, scratch);
  const left0 = turned(s.left, 0, scratch);
  const left1 = turned(s.left, 1, scratch);
  const left2 = turned(s.left, 2, scratch);
  // Byte comparisons are signed, so that values and thresholds have their top bits flipped (see `turned`).
  const top = opaque8(128, scratch);
  const byte = opaque16(255, scratch);
  const most = opaque8(63, scratch);
  const tops = v128.load(scratch + TOPS);
  const truth = scratch + TRUE_SYMBOLS;
  const above = scratch + ABOVE;
  const spot = scratch + PADDED;
  let end = large;
  let before = top;
  let corner = i32x4.splat(0);
  // A width that is odd gets one more column of zeros, which has no effect.
  v128.store(truth + (width << 4), corner);
  for (let x: usize = 0; x < width; x += 2) {
    const up = v128.load(above + (x << 3));
    const sides = i8x16.add(leftOf(corner, up), v128.load(above + (x << 3), 8));
    const area = exceeded(v128.xor(i8x16.add(i8x16.add(up, up), sides), top), area0, area1, area2);
    corner = up;
    const z0 = v128.load(truth + (x << 4));
    const z1 = v128.load(truth + (x << 4), 16);
    let symbols = i8x16.narrow_i16x8_u(i16x8.min_u(z0, byte), i16x8.min_u(z1, byte));
    let own = v128.xor(symbols, top);
    let contexts = contextsOf(area, exceeded(leftOf(before, own), left0, left1, left2));
    if (v128.any_true(i8x16.sub_sat_u(symbols, i8x16.swizzle(tops, contexts)))) {
      // The right neighbour of an escape has the escape as its left symbol, so both columns are coded in
      // turn.
      v128.store(spot, symbols);
      v128.store(spot, contexts, 16);
      end = escapeColumn(spot, spot + 16, truth + (x << 4), end, limit, scratch);
      own = v128.xor(v128.load(spot), top);
      contexts = contextsOf(area, exceeded(leftOf(before, own), left0, left1, left2));
      v128.store(spot, contexts, 16);
      end = escapeColumn(spot + 8, spot + 24, truth + (x << 4) + 16, end, limit, scratch);
      symbols = v128.load(spot);
      own = v128.xor(symbols, top);
    }
    before = own;
    v128.store(above + (x << 3), i8x16.min_u(symbols, most));
    const low = i8x16.shuffle(symbols, contexts, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    const high = i8x16.shuffle(symbols, contexts, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    v128.store(to + (x << 4), i16x8.shl(low, 3));
    v128.store(to + (x << 4), i16x8.shl(high, 3), 16);
  }
  return end;
}
