/** Zero-value coding. See src/kernels/reference/zvc.ts. Packing and unpacking are one unit. */

// @inline
function nonZeros(p: usize): i32 {
  return i8x16.bitmask(i8x16.ne(v128.load(p), i8x16.splat(0)));
}

/** Units: bytes, from a multiple of 16. */
export function nonZeroBytes(q: usize, begin: i32, end: i32): i32 {
  let count = 0;
  let i = begin;
  for (; i + 16 <= end; i += 16) count += popcnt(nonZeros(q + <usize>i));
  for (; i < end; i++) if (load<u8>(q + <usize>i)) count++;
  return count;
}

/** A mask of the `count` (at most 64) bytes at q that are not 0. */
function maskOf(q: usize, count: i32): u64 {
  if (count === 64) {
    const low = <u64>(nonZeros(q) | (nonZeros(q + 16) << 16)) & 0xffffffff;
    const high = <u64>(nonZeros(q + 32) | (nonZeros(q + 48) << 16)) & 0xffffffff;
    return low | (high << 32);
  }
  let mask: u64 = 0;
  for (let i = 0; i < count; i++) if (load<u8>(q + <usize>i)) mask |= (<u64>1) << i;
  return mask;
}

export function zvcPack(packed: usize, bytes: i32, q: usize, n: i32, begin: i32, end: i32): i32 {
  for (let start = 0; start < n; start += 64, q += 64) {
    let mask = maskOf(q, min(64, n - start));
    store<u64>(packed, mask);
    packed += 8;
    if (mask === u64.MAX_VALUE) {
      memory.copy(packed, q, 64);
      packed += 64;
      continue;
    }
    for (; mask !== 0; mask &= mask - 1) store<u8>(packed++, load<u8>(q + <usize>ctz(mask)));
  }
  return 0;
}

export function zvcUnpack(q: usize, n: i32, packed: usize, bytes: i32, begin: i32, end: i32): i32 {
  const last = packed + <usize>bytes;
  for (let start = 0; start < n; start += 64, q += 64) {
    const count = min(64, n - start);
    let mask: u64 = 0;
    if (packed + 8 <= last) mask = load<u64>(packed);
    else for (let i: usize = 0; packed + i < last; i++) mask |= (<u64>load<u8>(packed + i)) << (i << 3);
    packed += 8;
    if (count < 64) mask &= ((<u64>1) << count) - 1;
    else if (mask === u64.MAX_VALUE && packed + 64 <= last) {
      memory.copy(q, packed, 64);
      packed += 64;
      continue;
    }
    memory.fill(q, 0, count);
    for (; mask !== 0; mask &= mask - 1, packed++) {
      if (packed < last) store<u8>(q + <usize>ctz(mask), load<u8>(packed));
    }
  }
  return 0;
}
