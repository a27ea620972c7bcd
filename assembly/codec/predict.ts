// Integers ↔ folded residuals, in blocks of 64; src/codec/stages/predict.ts defines the predictors. `lag` is
// in bytes here. Zeros lie before the chunk, so that all neighbours are plain loads.
//
//   lorenzo   r = (v − left) − (up − corner)          corner  up
//                                                     left    v

/** Forms 0 to 3 are the predictors with folding; this one is `none` without folding. */
export const UNSIGNED: u32 = 4;

// @inline
export function zigzag16(r: v128): v128 {
  return v128.xor(i16x8.shl(r, 1), i16x8.shr_s(r, 15));
}

/** Spreads the lowest bit over all bits: the result says whether to invert the other bits. */
// @inline
export function unzigzag16(u: v128): v128 {
  return v128.xor(i16x8.shr_u(u, 1), i16x8.shr_s(i16x8.shl(u, 15), 15));
}

// @inline
function zigzag32(r: v128): v128 {
  return v128.xor(i32x4.shl(r, 1), i32x4.shr_s(r, 31));
}

// @inline
function unzigzag32(u: v128): v128 {
  return v128.xor(i32x4.shr_u(u, 1), i32x4.shr_s(i32x4.shl(u, 31), 31));
}

// @inline
export function folded16(v: v128, unsigned: bool): v128 {
  return unsigned ? v : zigzag16(v);
}

// @inline
export function unfolded16(u: v128, unsigned: bool): v128 {
  return unsigned ? u : unzigzag16(u);
}

// @inline
function residual16(at: usize, lag: usize, plan: u32): v128 {
  const v = v128.load(at);
  if (plan === UNSIGNED) return v;
  if (plan === 0) return zigzag16(v);
  if (plan === 1) return zigzag16(i16x8.sub(v, v128.load(at - 2)));
  if (plan === 2) return zigzag16(i16x8.sub(v, v128.load(at - lag)));
  const above = i16x8.sub(v128.load(at - lag), v128.load(at - lag - 2));
  return zigzag16(i16x8.sub(i16x8.sub(v, v128.load(at - 2)), above));
}

// @inline
function residual32(at: usize, lag: usize, plan: u32): v128 {
  const v = v128.load(at);
  if (plan === UNSIGNED) return v;
  if (plan === 0) return zigzag32(v);
  if (plan === 1) return zigzag32(i32x4.sub(v, v128.load(at - 4)));
  if (plan === 2) return zigzag32(i32x4.sub(v, v128.load(at - lag)));
  const above = i32x4.sub(v128.load(at - lag), v128.load(at - lag - 4));
  return zigzag32(i32x4.sub(i32x4.sub(v, v128.load(at - 4)), above));
}

// @inline
function predictWith(to: usize, at: usize, lag: usize, wide: bool, plan: u32): v128 {
  let all = i32x4.splat(0);
  const bytes: usize = wide ? 256 : 128;
  for (let i: usize = 0; i < bytes; i += 16) {
    const r = wide ? residual32(at + i, lag, plan) : residual16(at + i, lag, plan);
    v128.store(to + i, r);
    all = v128.or(all, r);
  }
  return all;
}

// @inline
function predictEach(to: usize, at: usize, lag: usize, wide: bool, plan: u32): v128 {
  if (plan === UNSIGNED) return predictWith(to, at, lag, wide, UNSIGNED);
  if (plan === 0) return predictWith(to, at, lag, wide, 0);
  if (plan === 1) return predictWith(to, at, lag, wide, 1);
  if (plan === 2) return predictWith(to, at, lag, wide, 2);
  return predictWith(to, at, lag, wide, 3);
}

/** All lanes or-ed together. */
// @inline
function or32(lanes: v128): u32 {
  const two = i64x2.extract_lane(lanes, 0) | i64x2.extract_lane(lanes, 1);
  return (two | (two >>> 32)) as u32;
}

// @inline
export function or16(lanes: v128): u32 {
  const word = or32(lanes);
  return (word | (word >>> 16)) & 0xffff;
}

/** The number of bits that the largest lane needs. */
// @inline
function widthOf(all: v128, wide: bool): u32 {
  return 32 - clz(wide ? or32(all) : or16(all));
}

/** Writes the folded residuals of `count` integers; the rest of the block becomes 0. Returns their width. */
export function predict(to: usize, at: usize, lag: usize, wide: bool, plan: u32, count: usize): u32 {
  let all = wide ? predictEach(to, at, lag, true, plan) : predictEach(to, at, lag, false, plan);
  if (count >= 64) return widthOf(all, wide);
  const size: usize = wide ? 4 : 2;
  memory.fill(to + count * size, 0, (64 - count) * size);
  all = i32x4.splat(0);
  for (let i: usize = 0; i < size * 64; i += 16) all = v128.or(all, v128.load(to + i));
  return widthOf(all, wide);
}

/** Eight integers minus the ones above them, if the plan uses those. */
// @inline
function lessUp(at: usize, lag: usize, plan: u32): v128 {
  const v = v128.load(at);
  return plan === 3 || plan === 2 ? i16x8.sub(v, v128.load(at - lag)) : v;
}

/** The left neighbours of eight integers; `before` holds the eight integers before them. */
// @inline
function leftOf(before: v128, v: v128): v128 {
  return i8x16.shuffle(before, v, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29);
}

/** Predicts a run of 16-bit integers. The residual of lorenzo is left's difference of up's differences. */
// @inline
function runWith(to: usize, at: usize, bytes: usize, lag: usize, plan: u32): void {
  let before = plan === 1 || plan === 3 ? lessUp(at - 16, lag, plan) : i16x8.splat(0);
  for (let i: usize = 0; i < bytes; i += 32) {
    const a = lessUp(at + i, lag, plan);
    const b = lessUp(at + i + 16, lag, plan);
    if (plan === UNSIGNED) {
      v128.store(to + i, a);
      v128.store(to + i, b, 16);
    } else if (plan === 1 || plan === 3) {
      v128.store(to + i, zigzag16(i16x8.sub(a, leftOf(before, a))));
      v128.store(to + i, zigzag16(i16x8.sub(b, leftOf(a, b))), 16);
      before = b;
    } else {
      v128.store(to + i, zigzag16(a));
      v128.store(to + i, zigzag16(b), 16);
    }
  }
}

/** Writes the folded residuals of a run of whole blocks of 16-bit integers. */
export function predictRun(to: usize, at: usize, bytes: usize, lag: usize, plan: u32): void {
  if (plan === UNSIGNED) runWith(to, at, bytes, lag, UNSIGNED);
  else if (plan === 0) runWith(to, at, bytes, lag, 0);
  else if (plan === 1) runWith(to, at, bytes, lag, 1);
  else if (plan === 2) runWith(to, at, bytes, lag, 2);
  else runWith(to, at, bytes, lag, 3);
}

/**
 * Running sums of eight 16-bit integers, in three steps: each lane adds the lane 1, 2 and 4 places before it.
 */
// @inline
function prefix16(r: v128): v128 {
  const zero = i32x4.splat(0);
  let s = i16x8.add(r, i8x16.shuffle(zero, r, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29));
  s = i16x8.add(s, i8x16.shuffle(zero, s, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27));
  return i16x8.add(s, i8x16.shuffle(zero, s, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23));
}

// @inline
function prefix32(r: v128): v128 {
  const zero = i32x4.splat(0);
  const s = i32x4.add(r, i8x16.shuffle(zero, r, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27));
  return i32x4.add(s, i8x16.shuffle(zero, s, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23));
}

/** The last lane, copied to all lanes. */
// @inline
function last16(v: v128): v128 {
  return i8x16.shuffle(v, v, 14, 15, 14, 15, 14, 15, 14, 15, 14, 15, 14, 15, 14, 15, 14, 15);
}

// @inline
function last32(v: v128): v128 {
  return i8x16.shuffle(v, v, 12, 13, 14, 15, 12, 13, 14, 15, 12, 13, 14, 15, 12, 13, 14, 15);
}

// @inline
function restoreWith(at: usize, from: usize, bytes: usize, lag: usize, wide: bool, plan: u32, carry0: v128): v128 {
  let carry = carry0;
  for (let i: usize = 0; i < bytes; i += 16) {
    let v = v128.load(from + i);
    if (plan !== UNSIGNED) v = wide ? unzigzag32(v) : unzigzag16(v);
    if (plan === 1 || plan === 3) {
      const sum = wide ? prefix32(v) : prefix16(v);
      v = wide ? i32x4.add(sum, carry) : i16x8.add(sum, carry);
      carry = wide ? i32x4.add(carry, last32(sum)) : i16x8.add(carry, last16(sum));
    }
    if (plan === 2 || plan === 3) {
      v = wide ? i32x4.add(v, v128.load(at + i - lag)) : i16x8.add(v, v128.load(at + i - lag));
    }
    v128.store(at + i, v);
  }
  return carry;
}

/** Restores integers from their folded residuals. Takes and returns the running sum, in all lanes. */
// @inline
function restoreEach(at: usize, from: usize, bytes: usize, lag: usize, wide: bool, plan: u32, carry: v128): v128 {
  if (plan === UNSIGNED) return restoreWith(at, from, bytes, lag, wide, UNSIGNED, carry);
  if (plan === 0) return restoreWith(at, from, bytes, lag, wide, 0, carry);
  if (plan === 1) return restoreWith(at, from, bytes, lag, wide, 1, carry);
  if (plan === 2) return restoreWith(at, from, bytes, lag, wide, 2, carry);
  return restoreWith(at, from, bytes, lag, wide, 3, carry);
}

export function restore16(at: usize, from: usize, bytes: usize, lag: usize, plan: u32, carry: v128): v128 {
  return restoreEach(at, from, bytes, lag, false, plan, carry);
}

export function restore32(at: usize, from: usize, bytes: usize, lag: usize, plan: u32, carry: v128): v128 {
  return restoreEach(at, from, bytes, lag, true, plan, carry);
}
