/** Vector helpers. The last vector of an array may be short; these read and write nothing beyond its end. */

/** The first `count` (at least 1) floats at `p`, at most 4; the other lanes are 0. */
export function loadSome(p: usize, count: i32): v128 {
  if (count >= 4) return v128.load(p);
  if (count === 1) return v128.load32_zero(p);
  const low = v128.load64_zero(p);
  return count === 2 ? low : v128.load_lane<u32>(p, low, 2, 8);
}

/** Writes the first `count` (at least 1) lanes to `p`, at most 4. */
export function storeSome(p: usize, x: v128, count: i32): void {
  if (count >= 4) {
    v128.store(p, x);
    return;
  }
  if (count === 1) {
    v128.store_lane<u32>(p, x, 0);
    return;
  }
  v128.store_lane<u64>(p, x, 0);
  if (count === 3) v128.store_lane<u32>(p, x, 2, 8);
}

/** All ones in the first `count` (at least 0) lanes, at most 4. */
export function lanesBelow(count: i32): v128 {
  return i32x4.gt_s(i32x4.splat(count), i32x4(0, 1, 2, 3));
}

/** Elements 0, stride, 2·stride, 3·stride at p; nothing beyond the last one is read. */
export function gather(p: usize, stride: i32): v128 {
  if (stride === 1) return v128.load(p);
  if (stride === 2) return v128.shuffle<f32>(v128.load(p), v128.load(p, 12), 0, 2, 5, 7);
  const pitch = (<usize>stride) << 2;
  const two = v128.load_lane<u32>(p + pitch, v128.load32_zero(p), 1);
  return v128.load_lane<u32>(p + pitch * 3, v128.load_lane<u32>(p + pitch * 2, two, 2), 3);
}

/** Elements 0 2 4 6 of two vectors. */
export function evens(a: v128, b: v128): v128 {
  return v128.shuffle<f32>(a, b, 0, 2, 4, 6);
}

/** Elements 1 3 5 7 of two vectors. */
export function odds(a: v128, b: v128): v128 {
  return v128.shuffle<f32>(a, b, 1, 3, 5, 7);
}

// ── transposing 4 × 4: rows a b c d in, columns out ──

/** a0 b0 a1 b1 */
export function pairLow(a: v128, b: v128): v128 {
  return v128.shuffle<f32>(a, b, 0, 4, 1, 5);
}

/** a2 b2 a3 b3 */
export function pairHigh(a: v128, b: v128): v128 {
  return v128.shuffle<f32>(a, b, 2, 6, 3, 7);
}

/** From a0 b0 a1 b1 and c0 d0 c1 d1: a0 b0 c0 d0. */
export function joinLow(ab: v128, cd: v128): v128 {
  return v128.shuffle<i64>(ab, cd, 0, 2);
}

/** From a0 b0 a1 b1 and c0 d0 c1 d1: a1 b1 c1 d1. */
export function joinHigh(ab: v128, cd: v128): v128 {
  return v128.shuffle<i64>(ab, cd, 1, 3);
}

/** Stores the four columns, `pitch` bytes apart. */
export function storeColumns(to: usize, pitch: usize, a: v128, b: v128, c: v128, d: v128): void {
  const ab = pairLow(a, b);
  const cd = pairLow(c, d);
  v128.store(to, joinLow(ab, cd));
  v128.store(to + pitch, joinHigh(ab, cd));
  const ab2 = pairHigh(a, b);
  const cd2 = pairHigh(c, d);
  v128.store(to + pitch * 2, joinLow(ab2, cd2));
  v128.store(to + pitch * 3, joinHigh(ab2, cd2));
}

/** Stores the first `count` (at least 1) columns, at most 4. */
export function storeSomeColumns(
  to: usize,
  pitch: usize,
  a: v128,
  b: v128,
  c: v128,
  d: v128,
  count: i32,
): void {
  const ab = pairLow(a, b);
  const cd = pairLow(c, d);
  v128.store(to, joinLow(ab, cd));
  if (count > 1) v128.store(to + pitch, joinHigh(ab, cd));
  const ab2 = pairHigh(a, b);
  const cd2 = pairHigh(c, d);
  if (count > 2) v128.store(to + pitch * 2, joinLow(ab2, cd2));
  if (count > 3) v128.store(to + pitch * 3, joinHigh(ab2, cd2));
}

export function copy(to: usize, from: usize, bytes: i32): void {
  memory.copy(to, from, bytes);
}
