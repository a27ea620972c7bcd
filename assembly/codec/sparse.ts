// Moves the non-zero integers together and marks them in a bitmap, and the inverse. Eight 16-bit integers
// move at once by a table of shuffles; 32-bit integers move one at a time.
//
//   v      0  7  0  0  3  0  9  0      bitmap byte 0b01010010
//   packed 7  3  9                     the next ones follow the 9
import { folded16, or16, unfolded16 } from "./predict";
import { GATHER, GROUP, PACKED, Q, SCATTER } from "./scratch";

// @inline
function fold32(v: u32, unsigned: bool): u32 {
  return unsigned ? v : (v << 1) ^ ((v as i32) >> 31);
}

/** Eight integers, folded, minus 1; those marked in `mask` are moved together. */
// @inline
function together(v: v128, mask: usize, unsigned: bool, scratch: usize): v128 {
  const lifted = i16x8.sub(folded16(v, unsigned), i16x8.splat(1));
  return i8x16.swizzle(lifted, v128.load(scratch + GATHER + (mask << 4)));
}

/**
 * gather for 16-bit integers, two bytes of the bitmap at a time. If their number is odd, a zero byte follows,
 * which the widths overwrite later. Returns the end of the packed integers.
 */
// @inline
function gather16(bitmap: usize, bytes: usize, unsigned: bool, scratch: usize): usize {
  const zero = i16x8.splat(0);
  let to = scratch + PACKED;
  let from = scratch + Q;
  for (let at = bitmap; at < bitmap + bytes; at += 2, from += 32) {
    const a = v128.load(from);
    const b = v128.load(from, 16);
    const bits = i8x16.bitmask(i8x16.narrow_i16x8_s(i16x8.ne(a, zero), i16x8.ne(b, zero))) as usize;
    store<u16>(at, bits);
    const low = bits & 255;
    const high = bits >> 8;
    v128.store(to, together(a, low, unsigned, scratch));
    const middle = to + (popcnt(low) << 1);
    v128.store(middle, together(b, high, unsigned, scratch));
    to += popcnt(bits) << 1;
  }
  return to;
}

/** Packs the non-zero ones of n integers at Q, folded minus 1, to PACKED. Returns their number. */
export function gather(bitmap: usize, n: usize, wide: bool, unsigned: bool, scratch: usize): usize {
  const q = scratch + Q;
  let to = scratch + PACKED;
  const bytes = (n + 7) >> 3;
  if (wide) {
    memory.fill(bitmap, 0, bytes);
    for (let i: usize = 0; i < n; i++) {
      const v = load<u32>(q + i * 4);
      if (v === 0) continue;
      store<u8>(bitmap + (i >> 3), load<u8>(bitmap + (i >> 3)) | ((1 as u8) << ((i & 7) as u8)));
      store<u32>(to, fold32(v, unsigned) - 1);
      to += 4;
    }
    memory.fill(to, 0, 256);
    return (to - scratch - PACKED) >> 2;
  }
  to = unsigned ? gather16(bitmap, bytes, true, scratch) : gather16(bitmap, bytes, false, scratch);
  memory.fill(to, 0, 128);
  return (to - scratch - PACKED) >> 1;
}

// @inline
function scatter16(bitmap: usize, bytes: usize, packed: usize, unsigned: bool, scratch: usize): usize {
  let from = packed;
  let to = scratch + GROUP;
  for (let at = bitmap; at < bitmap + bytes; at++, to += 16) {
    const mask = load<u8>(at) as usize;
    const r = unfolded16(i16x8.add(v128.load(from), i16x8.splat(1)), unsigned);
    v128.store(to, i8x16.swizzle(r, v128.load(scratch + SCATTER + (mask << 4))));
    from += popcnt(mask) << 1;
  }
  return from;
}

/**
 * The inverse of gather for up to a group of n integers, to GROUP. Returns the end of the packed integers
 * used.
 */
export function scatter(bitmap: usize, n: usize, packed: usize, wide: bool, unsigned: bool, scratch: usize): usize {
  if (!wide) {
    const bytes = (n + 7) >> 3;
    return unsigned ? scatter16(bitmap, bytes, packed, true, scratch) : scatter16(bitmap, bytes, packed, false, scratch);
  }
  let from = packed;
  for (let i: usize = 0; i < n; i++) {
    let v: u32 = 0;
    if ((load<u8>(bitmap + (i >> 3)) >> ((i & 7) as u8)) & 1) {
      const u = load<u32>(from) + 1;
      v = unsigned ? u : (u >> 1) ^ (0 - (u & 1));
      from += 4;
    }
    store<u32>(scratch + GROUP + i * 4, v);
  }
  return from;
}

/**
 * For a block: the number of non-zero integers (high half), and these, folded minus 1, or-ed together (low
 * half).
 */
export function sparseBits(at: usize, count: usize, wide: bool, unsigned: bool): u64 {
  let some: u32 = 0;
  let all: u32 = 0;
  if (wide) {
    for (let i: usize = 0; i < count; i++) {
      const v = load<u32>(at + i * 4);
      if (v === 0) continue;
      all |= fold32(v, unsigned) - 1;
      some++;
    }
    return ((some as u64) << 32) | (all as u64);
  }
  const zero = i16x8.splat(0);
  let lanes = zero;
  // An incomplete block is followed by zeros.
  for (let i: usize = 0; i < count; i += 8) {
    const v = v128.load(at + i * 2);
    const set = i16x8.ne(v, zero);
    lanes = v128.or(lanes, v128.and(i16x8.sub(folded16(v, unsigned), i16x8.splat(1)), set));
    some += popcnt(i16x8.bitmask(set));
  }
  return ((some as u64) << 32) | (or16(lanes) as u64);
}
