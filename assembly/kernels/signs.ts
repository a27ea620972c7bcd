/**
 * Signs that an error bound leaves open, one bit each, in ascending order. A bit's place depends on all elements before
 * it, so one caller does all; four lanes are taken at a time, without a branch on what they hold:
 *
 *   lane       0     1     2     3
 *   open       1     0     1     1        within the bound and not zero
 *   place      1     2     2     4        2 to the number of open lanes before: which of the next bits is the lane's
 */
import { loadSome, storeSome } from "./vector";

function openLanes(y: v128, bound: v128): v128 {
  return v128.and(f32x4.lt(f32x4.abs(y), bound), f32x4.ne(y, f32x4.splat(0)));
}

/** Products of what lies before, as 1 a b c ↦ 1 a ab abc, where an open lane counts 2 and another 1. */
function places(open: v128): v128 {
  const one = i32x4.splat(1);
  const before = v128.shuffle<i32>(one, i32x4.sub(one, open), 0, 4, 5, 6);
  const pairs = i32x4.mul(before, v128.shuffle<i32>(one, before, 0, 4, 5, 6));
  return i32x4.mul(pairs, v128.shuffle<i32>(one, pairs, 0, 0, 4, 5));
}

/** Returns the number of bits. */
export function packSigns(bits: usize, x: usize, y: usize, bound: f32, n: i32, begin: i32, end: i32): i32 {
  const limit = f32x4.splat(bound);
  const stop = bits + ((n + 7) >> 3);
  let held: u64 = 0;
  let fill = 0;
  let to = bits;
  for (let i = 0; i < n; i += 4) {
    const at = (<usize>i) << 2;
    const left = n - i;
    const open = openLanes(loadSome(y + at, left), limit);
    const below = v128.and(open, f32x4.lt(loadSome(x + at, left), f32x4.splat(0)));
    const each = v128.and(below, places(open));
    const two = v128.or(each, v128.shuffle<i32>(each, each, 2, 3, 0, 1));
    const told = i32x4.extract_lane(two, 0) | i32x4.extract_lane(two, 1);
    held |= (<u64>told) << fill;
    fill += popcnt(i32x4.bitmask(open));
    if (fill >= 32) {
      store<u32>(to, <u32>held);
      to += 4;
      held >>= 32;
      fill -= 32;
    }
  }
  const count = ((<i32>(to - bits)) << 3) + fill;
  for (; to < stop; to++) {
    store<u8>(to, <u8>held);
    held >>= 8;
  }
  return count;
}

/** `bytes`: how many of them hold bits. */
export function applySigns(
  y: usize,
  bits: usize,
  bytes: i32,
  bound: f32,
  factor: f32,
  n: i32,
  begin: i32,
  end: i32,
): void {
  const limit = f32x4.splat(bound);
  const by = f32x4.splat(factor);
  const zero = f32x4.splat(0);
  const stop = bits + bytes;
  let count = 0;
  for (let i = 0; i < n; i += 4) {
    const at = y + ((<usize>i) << 2);
    const value = loadSome(at, n - i);
    const open = openLanes(value, limit);
    const told = v128.and(i32x4.splat(bitsAt(bits, count, stop)), places(open));
    const negative = v128.bitselect(i32x4.ne(told, zero), f32x4.lt(value, zero), open);
    const changed = factor === 0 ? zero : f32x4.mul(value, by);
    storeSome(at, v128.bitselect(changed, value, negative), n - i);
    count += popcnt(i32x4.bitmask(open));
  }
}

/** The bits from bit `count` on, at least four of them; behind `stop` there are none, and nothing is read. */
function bitsAt(bits: usize, count: i32, stop: usize): i32 {
  const p = bits + (count >> 3);
  const two = p + 1 < stop ? <i32>load<u16>(p) : p < stop ? <i32>load<u8>(p) : 0;
  return two >> (count & 7);
}
