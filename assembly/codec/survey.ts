// Properties of a chunk's integers, and the form that suits them; src/codec/chunk.ts defines the choice.
import { predict, UNSIGNED } from "./predict";
import { ESCAPES, POSITIONS } from "./scratch";
import { sparseBits } from "./sparse";

/** Forms beyond those of predict.ts. SPARSE + 1 is the sparse form without folding. */
export const CONSTANT: u32 = 5;
export const SPARSE: u32 = 6;

// @inline
export function integerAt(q: usize, i: usize, wide: bool): i32 {
  return wide ? load<i32>(q + i * 4) : (load<i16>(q + i * 2) as i32);
}

/** The survey's flags: some integer is negative, needs more than 16 bits, or differs from the first. */
export const ANY_NEGATIVE: u32 = 1;
export const ANY_WIDE: u32 = 2;
export const ANY_OTHER: u32 = 4;

export function survey(q: usize, n: usize): u32 {
  const first = i32x4.splat(load<i32>(q));
  let negative = i32x4.splat(0);
  let wide = negative;
  let other = negative;
  let i: usize = 0;
  for (; i + 4 <= n; i += 4) {
    const v = v128.load(q + i * 4);
    negative = v128.or(negative, v);
    // The upper seventeen bits of an integer that fits in 16 bits are equal.
    wide = v128.or(wide, v128.xor(v, i32x4.shr_s(v, 31)));
    other = v128.or(other, v128.xor(v, first));
  }
  let flags: u32 = 0;
  if (i32x4.bitmask(negative)) flags |= ANY_NEGATIVE;
  if (v128.any_true(i32x4.shr_u(wide, 15))) flags |= ANY_WIDE;
  if (v128.any_true(other)) flags |= ANY_OTHER;
  for (; i < n; i++) {
    const v = load<i32>(q + i * 4);
    if (v < 0) flags |= ANY_NEGATIVE;
    if (v !== (v << 16) >> 16) flags |= ANY_WIDE;
    if (v !== load<i32>(q)) flags |= ANY_OTHER;
  }
  return flags;
}

/** Narrows n 32-bit integers to 16 bits in place. */
export function narrow(q: usize, n: usize): void {
  for (let i: usize = 0; i < n; i += 8) {
    v128.store(q + i * 2, i16x8.narrow_i32x4_s(v128.load(q + i * 4), v128.load(q + i * 4, 16)));
  }
}

/** The form with the least cost over about eight blocks: SPARSE, SPARSE + 1 or one of predict.ts. */
export function choosePlan(q: usize, n: usize, lag: usize, wide: bool, none: u32, block: usize): u32 {
  const blocks = (n + 63) >> 6;
  const stride = max<usize>(1, blocks >> 3);
  const size: usize = wide ? 256 : 128;
  let costNone: u32 = 0;
  let cost1: u32 = 0;
  let cost2: u32 = 0;
  let cost3: u32 = 0;
  let sampled: u32 = 0;
  let some: u32 = 0;
  let bits: u32 = 0;
  for (let b = stride >> 1; b < blocks; b += stride) {
    const at = q + b * size;
    const count = min<usize>(64, n - b * 64);
    costNone += predict(block, at, 0, wide, none, count);
    cost1 += predict(block, at, 0, wide, 1, count);
    if (lag !== 0) {
      cost2 += predict(block, at, lag, wide, 2, count);
      cost3 += predict(block, at, lag, wide, 3, count);
    }
    const set = sparseBits(at, count, wide, none === UNSIGNED);
    some += (set >>> 32) as u32;
    bits |= set as u32;
    sampled++;
  }
  let best = costNone << 6;
  let plan = none;
  if (cost1 << 6 < best) {
    best = cost1 << 6;
    plan = 1;
  }
  if (lag !== 0 && cost2 << 6 < best) {
    best = cost2 << 6;
    plan = 2;
  }
  if (lag !== 0 && cost3 << 6 < best) {
    best = cost3 << 6;
    plan = 3;
  }
  // Without the zeros, block boundaries shift, so the width of the widest sampled integer is used for all.
  return (sampled << 6) + some * (32 - clz(bits)) < best ? SPARSE + (none === UNSIGNED ? 1 : 0) : plan;
}

/** The number of zeros among n ≤ 2^17 16-bit integers. */
function countZeros(q: usize, n: usize): i32 {
  const zero = i16x8.splat(0);
  let counts = zero;
  let i: usize = 0;
  // A comparison is −1 where true.
  for (; i + 8 <= n; i += 8) counts = i16x8.sub(counts, i16x8.eq(v128.load(q + i * 2), zero));
  const four = i32x4.extadd_pairwise_i16x8_s(counts);
  let count =
    i32x4.extract_lane(four, 0) + i32x4.extract_lane(four, 1) + i32x4.extract_lane(four, 2) + i32x4.extract_lane(four, 3);
  for (; i < n; i++) if (load<i16>(q + i * 2) === 0) count++;
  return count;
}

/**
 * Closes the gap at 0 that all quantisers but `paper` leave if next to no value is zero; see
 * src/codec/chunk.ts. Returns the number of zeros stored as escapes, or −1 if there is no gap to close.
 */
export function closeGap(q: usize, x: usize, n: usize, wide: bool, scratch: usize): i32 {
  const limit = (n >> 8) as i32;
  let count = 0;
  if (wide) {
    for (let i: usize = 0; i < n; i++) if (load<i32>(q + i * 4) === 0) count++;
  } else {
    for (let i: usize = 0; i < n && count <= limit; i += 1024) count += countZeros(q + i * 2, min<usize>(1024, n - i));
  }
  if (count > limit) return -1;
  let found: usize = 0;
  for (let i: usize = 0; found < (count as usize); i++) {
    if (integerAt(q, i, wide) !== 0) continue;
    store<u16>(scratch + POSITIONS + found * 2, i as u16);
    store<u32>(scratch + ESCAPES + found * 4, load<u32>(x + i * 4));
    found++;
  }
  const zero = i32x4.splat(0);
  if (wide) {
    for (let i: usize = 0; i < n; i += 4) {
      const v = v128.load(q + i * 4);
      v128.store(q + i * 4, i32x4.add(v, i32x4.gt_s(v, zero)));
    }
  } else {
    for (let i: usize = 0; i < n; i += 8) {
      const v = v128.load(q + i * 2);
      v128.store(q + i * 2, i16x8.add(v, i16x8.gt_s(v, zero)));
    }
  }
  return count;
}
