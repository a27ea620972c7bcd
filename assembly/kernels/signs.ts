/**
 * Signs that an error bound leaves open, one bit each, in ascending order. A bit's place depends on all elements before
 * it, so one caller does all; four lanes that are all beyond the bound, or zero, cost one look.
 */
import { loadSome, storeSome } from "./vector";

/** Bit j: lane j is within the bound and not zero. */
function openLanes(y: v128, bound: v128): i32 {
  return i32x4.bitmask(v128.and(f32x4.lt(f32x4.abs(y), bound), f32x4.ne(y, f32x4.splat(0))));
}

/** Returns the number of bits. */
export function packSigns(bits: usize, x: usize, y: usize, bound: f32, n: i32, begin: i32, end: i32): i32 {
  memory.fill(bits, 0, (n + 7) >> 3);
  const limit = f32x4.splat(bound);
  let count = 0;
  for (let i = 0; i < n; i += 4) {
    const at = (<usize>i) << 2;
    const left = n - i;
    let open = openLanes(loadSome(y + at, left), limit);
    if (open === 0) continue;
    const below = i32x4.bitmask(f32x4.lt(loadSome(x + at, left), f32x4.splat(0)));
    for (; open !== 0; open &= open - 1) {
      const byte = bits + (count >> 3);
      store<u8>(byte, <i32>load<u8>(byte) | (((below >> ctz(open)) & 1) << (count & 7)));
      count++;
    }
  }
  return count;
}

export function applySigns(
  y: usize,
  bits: usize,
  bound: f32,
  factor: f32,
  n: i32,
  begin: i32,
  end: i32,
): void {
  const limit = f32x4.splat(bound);
  const by = f32x4.splat(factor);
  const zero = f32x4.splat(0);
  let count = 0;
  for (let i = 0; i < n; i += 4) {
    const at = y + ((<usize>i) << 2);
    const value = loadSome(at, n - i);
    let negative = f32x4.lt(value, zero);
    let open = openLanes(value, limit);
    if (open !== 0) {
      let told = 0;
      for (let left = open; left !== 0; left &= left - 1) {
        const bit = (<i32>load<u8>(bits + (count >> 3)) >> (count & 7)) & 1;
        told |= bit << ctz(left);
        count++;
      }
      const lane = i32x4(1, 2, 4, 8);
      negative = v128.bitselect(selected(told, lane), negative, selected(open, lane));
    }
    const changed = factor === 0 ? zero : f32x4.mul(value, by);
    storeSome(at, v128.bitselect(changed, value, negative), n - i);
  }
}

/** All ones in the lanes whose bit is set. */
function selected(bits: i32, lane: v128): v128 {
  return i32x4.eq(v128.and(i32x4.splat(bits), lane), lane);
}
